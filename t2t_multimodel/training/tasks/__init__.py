"""Gradients of the tasks of a joint training: measured, and freed of their conflicts."""
