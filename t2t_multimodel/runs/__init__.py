"""What a run folder holds: manifest, vocabulary, class names, checkpoints, metrics."""
