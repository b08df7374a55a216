"""Sets of samples as streams, whatever they were opened from."""
