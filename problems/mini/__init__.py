"""The mini suite: nine problems on one small generated world."""
