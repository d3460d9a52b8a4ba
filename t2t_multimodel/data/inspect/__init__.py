"""What t2t-inspect shows of generated data."""
