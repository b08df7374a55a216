"""Files that a side's own interpreter runs; each stands by itself, and `aigc_bench` there may be another version."""
