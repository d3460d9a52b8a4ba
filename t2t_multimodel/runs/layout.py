"""Names of the files of a run folder that also those read who do not load TensorFlow."""

MANIFEST = "model.json"
METRICS = "metrics.jsonl"
EVENTS = "events"
