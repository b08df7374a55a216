"""Reference generators: clients of the public protocol of aigc-bench, one model per file."""
