"""The gate on quality: whether a claim about two runs holds."""
