"""What to run: the bundled suites, and how suites are loaded."""
