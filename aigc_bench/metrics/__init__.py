"""Metrics: one family per file, each a pure function from evidence to an Estimate."""
