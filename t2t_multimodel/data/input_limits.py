"""How large an input from a stranger may be."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class InputLimits:
    """What an input may need at most; `InputSpec.check_limits` holds inputs to it before it decodes them.

    Attributes:
        characters: of a text.
        ids: of a text, as the vocabulary splits it.
        pixels: of a picture.
        pixels_a_byte: of a picture of more than 65,536 pixels; more are the mark of a decompression bomb.
        seconds: of sound.
    """

    characters: int = 1000
    ids: int = 400
    pixels: int = 1 << 24
    pixels_a_byte: float = 200.0
    seconds: float = 60.0
