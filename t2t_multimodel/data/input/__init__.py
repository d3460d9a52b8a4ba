"""From shards to batches: which records, in which order, of which problem."""
