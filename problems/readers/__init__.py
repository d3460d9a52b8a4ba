"""Readers of the forms that corpora come in: archives, text, images, audio."""
