"""Scoring: a suite or sets of samples => Run."""
