"""Generators: drawing, training, checkpoints, and the anchor rows."""
