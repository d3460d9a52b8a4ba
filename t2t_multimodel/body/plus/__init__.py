"""The pre-normalized body, of the same parts."""
