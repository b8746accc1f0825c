"""Checks of an installation and of what it talks to; each gives findings, never an exception."""
