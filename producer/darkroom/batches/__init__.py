"""Batches: many jobs of one submit, from a file, a folder or a grid, with one price, one budget and one outcome."""
