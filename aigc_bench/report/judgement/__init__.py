"""The reports of a gate: terminal, page, Markdown, JUnit."""
