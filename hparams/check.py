"""The check of a whole set of hyperparameters, before anything is built."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.patterns import parse_factors
from t2t_multimodel.hparams.weights import parse_counts, parse_schedules, parse_weights

Rule = tuple[Callable[[Any], bool], str]


def _choice(*names: str) -> Rule:
    return (lambda value: value in names), " or ".join(names)


def _every(rule: Rule, count: int | None = None, least: int = 1) -> Rule:
    """The rule for all items of a tuple of `count` items, or of at least `least`."""
    fits, words = rule
    number = f"{count} values" if count is not None else f"{least} or more values"
    return (
        lambda values: (len(values) == count if count is not None else len(values) >= least) and all(map(fits, values)),
        f"{number} joined by colons, each {words}",
    )


_ANY: Rule = (lambda value: True), "a number"
_COUNT: Rule = (lambda value: value >= 1), "1 or more"
_NOT_NEGATIVE: Rule = (lambda value: value >= 0), "0 or more"
_POSITIVE: Rule = (lambda value: value > 0), "more than 0"
_TENTH: Rule = (lambda value: value >= 0.1), "0.1 or more"
_SHARE: Rule = (lambda value: 0 <= value < 1), "0 or more and less than 1"
_UP_TO_ONE: Rule = (lambda value: 0 <= value <= 1), "0 to 1"
_ODD: Rule = (lambda value: value >= 1 and value % 2 == 1), "odd and 1 or more"

# What one hparam may be, whatever the others are.
_RULES: dict[str, Rule] = {
    "body.form": _choice("paper", "plus"),
    "body.depth": _COUNT,
    "body.num_heads": _COUNT,
    "body.attention": _choice("full", "uniform"),
    "body.encoder_blocks": _NOT_NEGATIVE,
    "body.mixer_blocks": _NOT_NEGATIVE,
    "body.decoder_blocks": _NOT_NEGATIVE,
    "body.attention_conv_blocks": _NOT_NEGATIVE,
    "body.kernel_sizes": _every(_ODD, 4),
    "body.dilations": _every(_COUNT, 4),
    "body.second_skip": _choice("input", "hidden"),
    "body.feed_forward": _COUNT,
    "body.feed_forward_kernel": _ODD,
    "body.max_commands": _COUNT,
    "mixture.num_experts": _NOT_NEGATIVE,
    "mixture.hidden": _COUNT,
    "mixture.loss_coefficient": _NOT_NEGATIVE,
    "mixture.capacity_factor": _NOT_NEGATIVE,
    "modalities.image_size": _NOT_NEGATIVE,
    "modalities.image_entry_filters": _every(_COUNT, least=2),
    "modalities.class_exit_widths": _every(_POSITIVE, least=2),
    "modalities.audio_features": _choice("spectrogram", "waveform"),
    "modalities.audio_bands": _COUNT,
    "modalities.audio_window_ms": _COUNT,
    "modalities.audio_hop_ms": _COUNT,
    "modalities.audio_blocks": _COUNT,
    "modalities.audio_strided_blocks": _NOT_NEGATIVE,
    "modalities.audio_filters": _COUNT,
    "modalities.audio_frequency": _choice("flatten", "merge"),
    "modalities.audio_max_seconds": _TENTH,
    "optimizer.name": _choice("adam", "muon", "sgd"),
    "optimizer.learning_rate": _NOT_NEGATIVE,
    "optimizer.schedule": _choice("noam", "rsqrt", "cosine", "constant"),
    "optimizer.warmup_steps": _NOT_NEGATIVE,
    "optimizer.beta1": _SHARE,
    "optimizer.beta2": _SHARE,
    "optimizer.epsilon": _POSITIVE,
    "optimizer.clip_norm": _NOT_NEGATIVE,
    "optimizer.accumulate_steps": _COUNT,
    "optimizer.combine": _choice("sum", "pcgrad"),
    "optimizer.weight_decay": _NOT_NEGATIVE,
    "optimizer.muon_scale": _POSITIVE,
    "optimizer.muon_momentum": _SHARE,
    "optimizer.muon_steps": _COUNT,
    "optimizer.ema_decay": _SHARE,
    "optimizer.max_skipped_steps": _COUNT,
    "batching.batch_tokens": _NOT_NEGATIVE,
    "batching.image_batch": _COUNT,
    "batching.audio_batch_seconds": _POSITIVE,
    "batching.max_length": _COUNT,
    "batching.bucket_growth": _COUNT,
    "batching.min_bucket": _COUNT,
    "mixing.scheme": _choice("uniform", "proportional", "weighted", "adaptive", "relative", "distributed"),
    "mixing.temperature": _POSITIVE,
    "mixing.cap": _NOT_NEGATIVE,
    "mixing.decay": _UP_TO_ONE,
    "mixing.overfit_patience": _NOT_NEGATIVE,
    "mixing.overfit_factor": _UP_TO_ONE,
    "regularization.dropout": _SHARE,
    "regularization.attention_dropout": _SHARE,
    "regularization.label_smoothing": _SHARE,
    "compute.precision": _choice("float32", "bfloat16"),
    "compute.compile": _choice("none", "xla"),
}


def check(hparams: Any) -> None:
    """Checks each value, then those that must fit one another.

    Args:
        hparams: an `HParams`.

    Raises:
        HParamsError: one does not fit; the line names it, its value and what is allowed.
    """
    for group in dataclasses.fields(hparams):
        part = getattr(hparams, group.name)
        for field in dataclasses.fields(part):
            _check_one(f"{group.name}.{field.name}", getattr(part, field.name), field.default)
    _check_together(hparams)
    _check_mixing(hparams.mixing)
    _check_combine(hparams)
    parse_schedules(hparams.mixing.weights, "mixing.weights")
    parse_weights(hparams.mixing.loss_weights, "mixing.loss_weights")
    parse_counts(hparams.batching.examples, "batching.examples")
    parse_factors(hparams.optimizer.rate_factors, "optimizer.rate_factors")


def _check_one(name: str, value: Any, default: Any) -> None:
    kind = {bool: "true or false", int: "an int", float: "a number", str: "a word", tuple: "a list"}[type(default)]
    if not _has_type(value, default):
        raise HParamsError(f"hparam {name}={_shown(value)} is not {kind}; give one such as {_shown(default)}")
    if not all(math.isfinite(item) for item in (value if isinstance(value, tuple) else (value,)) if _is_number(item)):
        raise HParamsError(f"hparam {name}={_shown(value)} is not finite; give a number such as {_shown(default)}")
    fits, allowed = _RULES.get(name, _ANY)
    if not fits(value):
        raise HParamsError(f"hparam {name}={_shown(value)} does not work; give {allowed}")


def _has_type(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_has_type(item, default[0]) for item in value)
    if isinstance(default, float):
        return _is_number(value)
    return isinstance(value, type(default)) and isinstance(value, bool) == isinstance(default, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check_together(hparams: Any) -> None:
    body, mixture, modalities = hparams.body, hparams.mixture, hparams.modalities
    if body.depth % body.num_heads:
        below = body.depth - body.depth % body.num_heads
        near = f"{below} or {below + body.num_heads}" if below else str(body.num_heads)
        raise HParamsError(
            f"hparam body.depth={body.depth} is no multiple of body.num_heads={body.num_heads}; give body.depth={near}"
        )
    if mixture.num_experts and not 1 <= mixture.k <= mixture.num_experts:
        raise HParamsError(
            f"hparam mixture.k={mixture.k} does not work with mixture.num_experts={mixture.num_experts};"
            f" give mixture.k from 1 to {mixture.num_experts}"
        )
    if modalities.audio_strided_blocks > modalities.audio_blocks:
        raise HParamsError(
            f"hparam modalities.audio_strided_blocks={modalities.audio_strided_blocks} is more than"
            f" modalities.audio_blocks={modalities.audio_blocks}; give {modalities.audio_blocks} or less"
        )
    if hparams.compute.compile == "xla" and hparams.mixing.scheme == "distributed":
        raise HParamsError(
            "hparam mixing.scheme=distributed does not work with compute.compile=xla; give compute.compile=none or"
            " another scheme"
        )
    narrow = [width for width in modalities.class_exit_widths if int(width * body.depth) < 1]
    if narrow:
        raise HParamsError(
            f"hparam modalities.class_exit_widths={_shown(modalities.class_exit_widths)} leaves no filter at"
            f" {narrow[0]} times body.depth={body.depth}; give {1 / body.depth:.2g} or more"
        )


def _check_mixing(mixing: Any) -> None:
    """What belongs to one scheme is refused with another, where it would do nothing."""
    owners = (
        ("cap", mixing.cap, ("proportional",)),
        ("temperature", mixing.temperature != 1.0, ("proportional",)),
        ("weights", mixing.weights, ("weighted", "distributed")),
    )
    for name, given, schemes in owners:
        if given and mixing.scheme not in schemes:
            raise HParamsError(
                f"hparam mixing.{name}={getattr(mixing, name)} does nothing with mixing.scheme={mixing.scheme}; give"
                f" mixing.scheme={' or '.join(schemes)}, or leave it out"
            )


def _check_combine(hparams: Any) -> None:
    """PCGrad needs several problems in one step."""
    several = hparams.mixing.scheme == "distributed" and hparams.optimizer.accumulate_steps > 1
    if hparams.optimizer.combine == "pcgrad" and not several:
        raise HParamsError(
            "hparam optimizer.combine=pcgrad needs several problems in one step; give mixing.scheme=distributed and"
            " optimizer.accumulate_steps=2 or more"
        )
