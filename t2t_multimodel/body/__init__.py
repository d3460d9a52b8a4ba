"""The body: encoder, mixer and decoder over `[batch, time, depth]`."""
