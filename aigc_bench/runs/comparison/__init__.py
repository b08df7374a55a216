"""Two runs side by side: which scores are the same, and by how much they changed."""
