"""The data engine: raw corpora to shards, on this machine or on Apache Beam."""
