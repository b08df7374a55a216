"""Scoring samples that exist already: extraction, the real side, and one row after the other."""
