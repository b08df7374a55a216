"""Modalities: what the harness has to know about images, and about whatever else is generated."""
