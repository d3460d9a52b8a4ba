"""MultiModel: layers."""
