"""MultiModel: one network that learns many tasks of many modalities.

Importing this package imports neither TensorFlow nor any problem; names are
loaded on first use through `t2t_multimodel.registry`.
"""

__version__ = "0.1.0"
