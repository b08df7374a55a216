"""Feature extractors: samples in, features out."""
