"""The body of the paper."""
