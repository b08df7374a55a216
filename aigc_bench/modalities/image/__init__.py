"""Images: canonical form, readers, extractors, and how they look in a report."""

NAME = "image"
"""of the modality, in the specification of a sample"""
