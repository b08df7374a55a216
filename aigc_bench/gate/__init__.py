"""Verdicts on two sides: of quality from two runs, of speed from pairs of processes."""
