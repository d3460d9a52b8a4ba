"""What a training shows of its outputs while it runs."""
