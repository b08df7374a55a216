"""Feature extractors of images: samples in, features out."""
