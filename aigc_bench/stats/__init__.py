"""Statistics: small pure functions, each with its source."""
