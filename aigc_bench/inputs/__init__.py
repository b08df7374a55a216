"""Inputs: anybody's samples and reference statistics, opened without running or unpacking anything."""
