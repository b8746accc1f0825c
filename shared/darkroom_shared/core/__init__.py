"""Decisions without a clock, I/O, randomness or environment: everything here is a pure function or a value."""
