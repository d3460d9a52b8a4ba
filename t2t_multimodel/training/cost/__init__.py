"""What a training costs: parameters, FLOPs, bytes, and what the processor has for it."""
