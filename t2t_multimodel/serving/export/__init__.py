"""A trained model as one SavedModel that needs TensorFlow and tensorflow-text alone."""
