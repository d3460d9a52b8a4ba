"""Trained models at work for others: a SavedModel, an HTTP server, a page."""
