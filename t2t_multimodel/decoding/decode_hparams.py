"""How to search, as ``--decode_hparams`` says."""

from __future__ import annotations

import dataclasses
from typing import Any

from t2t_multimodel import registry
from t2t_multimodel.errors import MultiModelError

_CHOICES = {"sampling_method": ("argmax", "random"), "compile": ("none", "xla"), "precision": ("float32", "bfloat16")}


@dataclasses.dataclass(frozen=True)
class DecodeHParams:
    """How to search; names and meaning are Tensor2Tensor's where it has them.

    Attributes:
        batch_size: inputs decoded at once.
        extra_length: longest output; for text inputs, added to the input's length in ids.
        beam_size: outputs that grow side by side for each input; 1 is greedy search, or sampling.
        alpha: of the length penalty `((5 + length) / 6) ** alpha` that a beam's outputs are ranked by.
        return_beams: gives all outputs of the beam, best first; else the best alone, which is found sooner.
        write_beam_scores: files of outputs give scores, too.
        sampling_method: ``argmax``, the most probable id, or ``random``, one drawn from the distribution.
        sampling_temp: what logits are divided by before drawing; 0 is argmax.
        sampling_keep_top_k: only so many most probable ids are drawn; -1 for all.
        sampling_top_p: only the fewest most probable ids whose probabilities sum to it or more; 1 for all.
        sampling_seed: an input's sample is a function of the seed and of the input.
        constrained: outputs of a problem with a grammar are held to it, such as parses to well-formed trees.
        compile: ``none``, or ``xla``: the loop over ids of a search without a beam is compiled once for each rounded
            shape. That takes seconds and makes small models faster (docs/performance.md); scores differ by rounding.
        precision: of the factors of products, ``float32`` or ``bfloat16``; attention over earlier ids and the logits
            are in float32.
    """

    batch_size: int = 32
    extra_length: int = 100
    beam_size: int = 1
    alpha: float = 0.6
    return_beams: bool = False
    write_beam_scores: bool = False
    sampling_method: str = "argmax"
    sampling_temp: float = 1.0
    sampling_keep_top_k: int = -1
    sampling_top_p: float = 1.0
    sampling_seed: int = 0
    constrained: bool = True
    compile: str = "none"
    precision: str = "float32"

    @property
    def samples(self) -> bool:
        """Whether ids are drawn."""
        return self.sampling_method == "random" and self.sampling_temp > 0

    def of_trace(self) -> DecodeHParams:
        """What a traced search depends on; the rest is as by default."""
        same = {name: getattr(DEFAULT, name) for name in _NOT_TRACED}
        if self.beam_size == 1:
            same |= {"alpha": DEFAULT.alpha, "return_beams": False}
        return dataclasses.replace(self, **same)

    @classmethod
    def parse(cls, text: str) -> DecodeHParams:
        """From ``name=value,name=value``.

        Raises:
            MultiModelError: an unknown name, or a value that does not fit.
        """
        return cls.make(**parse_values(text))

    @classmethod
    def make(cls, **values: Any) -> DecodeHParams:
        """From fields by name, checked.

        Raises:
            MultiModelError: an unknown name, or a value that does not fit.
        """
        for name, value in values.items():
            if name not in _FIELDS:
                raise MultiModelError(registry.unknown_name_message("decode hparam", name, list(_FIELDS)))
            _check(name, value)
        made = cls(**values)
        if made.samples and made.beam_size > 1:
            raise MultiModelError("sampling_method=random draws one output an input; give beam_size=1")
        if made.compile == "xla" and made.beam_size > 1:
            raise MultiModelError("compile=xla compiles searches without a beam; give beam_size=1 or compile=none")
        if made.compile == "xla" and made.precision != "float32":
            raise MultiModelError("compile=xla takes float32 alone; give precision=float32 or compile=none")
        return made


def parse_values(text: str) -> dict[str, Any]:
    """Arguments of `DecodeHParams.make` from ``name=value,name=value``, not yet checked.

    Example:

        parse_values("beam_size=4,return_beams=true")  # {"beam_size": 4, "return_beams": True}
    """
    values = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = item.partition("=")
        values[name.strip()] = _read(name.strip(), value.strip())
    return values


_FIELDS = {field.name: field for field in dataclasses.fields(DecodeHParams)}
_NOT_TRACED = ("batch_size", "extra_length", "write_beam_scores", "sampling_seed", "constrained")
_WORDS = {"true": True, "false": False, "1": True, "0": False}


def _read(name: str, text: str) -> Any:
    """A value in the type of its field; what is none stays text, for `_check` to name."""
    field = _FIELDS.get(name)
    if field is not None and isinstance(field.default, bool):
        return _WORDS.get(text.lower(), text)
    if field is None or isinstance(field.default, str):
        return text
    try:
        return type(field.default)(text)
    except ValueError:
        return text


def _check(name: str, value: Any) -> None:
    default = _FIELDS[name].default
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise MultiModelError(f"decode hparam {name}={value} is no boolean; give true or false")
    elif isinstance(default, str):
        if value not in _CHOICES[name]:
            raise MultiModelError(f"decode hparam {name}={value} is unknown; give {' or '.join(_CHOICES[name])}")
    elif name in ("batch_size", "extra_length", "beam_size"):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MultiModelError(f"decode hparam {name}={value} is not a positive integer; give 1 or more")
    elif not isinstance(value, int if isinstance(default, int) else int | float) or isinstance(value, bool):
        raise MultiModelError(f"decode hparam {name}={value} is no number of its kind; give one such as {default}")
    elif not _RANGES[name][0](value):
        raise MultiModelError(f"decode hparam {name}={value} is out of range; give {_RANGES[name][1]}")


_RANGES = {
    "alpha": (lambda value: 0 <= value < 100, "0 or more"),
    "sampling_temp": (lambda value: 0 <= value < float("inf"), "0 or more"),
    "sampling_keep_top_k": (lambda value: value == -1 or value >= 1, "1 or more, or -1 for all"),
    "sampling_top_p": (lambda value: 0 < value <= 1, "more than 0 and at most 1"),
    "sampling_seed": (lambda value: 0 <= value < 2**63, "0 or more"),
}

DEFAULT = DecodeHParams()
