"""Experts of a mixture that live on several devices, joined by mesh-tensorflow."""
