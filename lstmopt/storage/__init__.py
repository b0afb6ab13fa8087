"""What a run keeps on disk or in a database."""
