"""Evidence: what is observed of a row, once, for every metric that wants its type."""
