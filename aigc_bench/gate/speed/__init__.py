"""The gate on speed: whether head is as fast as base, in pairs of processes."""
