"""The two sides of a gate: git refs, interpreters or commands, built and ready to be measured."""
