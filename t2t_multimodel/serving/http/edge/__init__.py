"""The outermost layers of the server: ids, limits on bodies, the log, metrics."""
