"""Runs: suites, scoring, records, and comparisons."""
