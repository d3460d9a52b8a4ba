"""The pre-normalised body, of the same parts."""
