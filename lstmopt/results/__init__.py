"""What a study found, as values."""
