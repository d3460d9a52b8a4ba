"""The comparison of t2t-report: how runs learned, and what they differ in."""
