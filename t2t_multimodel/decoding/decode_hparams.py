"""How to search, as ``--decode_hparams`` says."""

from __future__ import annotations

import dataclasses

from t2t_multimodel import registry
from t2t_multimodel.errors import MultiModelError


@dataclasses.dataclass(frozen=True)
class DecodeHParams:
    """How to search.

    Attributes:
        batch_size: inputs decoded at once.
        extra_length: longest output; for text inputs, added to the input's length in ids.
        beam_size: 1, greedy search.
    """

    batch_size: int = 32
    extra_length: int = 100
    beam_size: int = 1

    @classmethod
    def parse(cls, text: str) -> DecodeHParams:
        """From ``name=value,name=value``.

        Raises:
            MultiModelError: an unknown name, a value that is no positive integer, or a beam.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        values = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            if name not in known:
                raise MultiModelError(registry.unknown_name_message("decode hparam", name, known))
            if not value.isdigit() or int(value) < 1:
                raise MultiModelError(f"--decode_hparams: {item!r} is no positive integer")
            values[name] = int(value)
        if values.get("beam_size", 1) != 1:
            raise MultiModelError(
                "--decode_hparams: beam_size above 1 is not supported; leave it out for greedy search"
            )
        return cls(**values)


DEFAULT = DecodeHParams()
