"""TFRecord shards and the examples in them, in plain Python."""
