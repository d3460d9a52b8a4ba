"""Object storage: paths of ``gs://`` and ``s3://``, the plug-in that reads them, and a cache of what was read."""
