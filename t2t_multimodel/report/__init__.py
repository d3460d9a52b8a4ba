"""The report of t2t-eval: what a checkpoint can do, on one page."""
