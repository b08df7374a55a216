"""What the command line and `import aigc_bench` share."""
