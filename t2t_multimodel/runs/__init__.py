"""What a run's folder holds: manifest, vocabulary, class names, checkpoints, metrics."""
