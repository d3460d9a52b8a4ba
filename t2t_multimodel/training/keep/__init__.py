"""Which weights of a training are kept: the best checkpoint, early stopping."""
