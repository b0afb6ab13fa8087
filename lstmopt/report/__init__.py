"""The record -> pictures."""
