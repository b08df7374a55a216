"""The self-test: numbers that are known, by law or because they are published, computed anew on this machine."""
