"""What earlier studies give to one that begins."""
