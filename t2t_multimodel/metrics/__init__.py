"""MultiModel: metrics."""
