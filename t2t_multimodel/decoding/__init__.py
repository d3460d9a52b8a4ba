"""MultiModel: decoding."""
