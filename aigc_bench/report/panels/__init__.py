"""Pictures of samples."""
