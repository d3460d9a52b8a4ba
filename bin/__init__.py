"""Commands: each module parses flags and calls one function of the library."""
