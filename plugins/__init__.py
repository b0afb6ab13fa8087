"""The built-in strategies, one subject a file, registered through the same hooks as anyone's."""
