"""The paper's tables as experiments: what is run, what is read off, and the report of it."""
