"""The report: draws, decides nothing."""
