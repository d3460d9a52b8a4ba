"""The loop of a training: steps, what happens beside them, its health, and how it is stopped."""
