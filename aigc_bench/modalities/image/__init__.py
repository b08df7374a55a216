"""Images: canonical form, readers, extractors."""
