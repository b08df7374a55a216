"""Data sets: each file reads one format and makes the three disjoint splits."""
