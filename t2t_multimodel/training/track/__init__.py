"""Experiment tracking: what a training tells MLflow, Weights & Biases or a file."""
