"""MultiModel: training."""
