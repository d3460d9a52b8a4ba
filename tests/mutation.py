"""Damaged bytes for the tests of readers."""

import random

FAST, SLOW = 250, 10_000


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Changes, flips, removes or inserts a few bytes, or truncates the data; half of the changes are near the start."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data) + 1) if rng.random() < 0.5 else rng.randrange(min(len(data), 1100) + 1)
        kind = rng.randrange(5)
        if kind == 0 and place < len(data):
            data[place] = rng.randrange(256)
        elif kind == 1 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 2 and rng.random() < 0.3:
            del data[place:]
        elif kind == 3:
            del data[place : place + rng.randrange(1, 9)]
        else:
            data[place:place] = bytes(
                rng.choice((0, 255, 57, 45, rng.randrange(256))) for _ in range(rng.randrange(1, 9))
            )
    return bytes(data)
