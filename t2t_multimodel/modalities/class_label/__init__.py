"""The class label modality."""
