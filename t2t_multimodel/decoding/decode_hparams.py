"""How to search, as ``--decode_hparams`` says."""

from __future__ import annotations

import dataclasses
from typing import Any

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
            MultiModelError: an unknown name, a value that is not a positive integer, or a beam.
        """
        values = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            values[name.strip()] = int(value) if value.strip().isdigit() else value
        return cls.make(**values)

    @classmethod
    def make(cls, **values: Any) -> DecodeHParams:
        """From fields by name, checked.

        Raises:
            MultiModelError: an unknown name, a value that is not a positive integer, or a beam.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise MultiModelError(registry.unknown_name_message("decode hparam", name, known))
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise MultiModelError(f"decode hparam {name}={value} is not a positive integer; give 1 or more")
        if values.get("beam_size", 1) != 1:
            raise MultiModelError("beam_size above 1 is not supported yet; leave it out for greedy search")
        return cls(**values)


DEFAULT = DecodeHParams()
