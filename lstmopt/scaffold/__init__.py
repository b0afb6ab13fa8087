"""Packages for plug-ins of one's own."""
