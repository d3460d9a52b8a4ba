"""Which checkpoint is meant: the best by a metric, the average of several, or one by its name."""
