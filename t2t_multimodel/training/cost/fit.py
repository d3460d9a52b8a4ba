"""Whether a training fits into memory, before it begins; and the largest batches that do."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.errors import HParamsError, TrainingError
from t2t_multimodel.runs.manifest import FILE, Manifest
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.cost.describe import bytes_of_model, without_values
from t2t_multimodel.training.cost.dry_run import DryRun, Measured
from t2t_multimodel.training.cost.memory import in_words, usable_bytes
from t2t_multimodel.training.freeze import freeze

DRY_RUNS = ("off", "before", "only")
_SETTING = "batching.batch_tokens"
_FIRST = 256
_FINENESS = 8


def fitted(config: TrainConfig) -> TrainConfig:
    """Checks that a training fits into memory, as far as `config` asks for it.

    - With `dry_run` ``"before"`` or ``"only"``: whether the largest batch of each pair of modalities does.
    - With the hparam `batching.batch_tokens` 0: finds the largest one that fits. A run that continues keeps its own.

    Returns:
        `config`, with the value of `batching.batch_tokens` that was found.

    Raises:
        TrainingError: it does not fit; the line says how much is needed and free, and what to do.
        HParamsError: no dry run is possible.
    """
    if config.dry_run not in DRY_RUNS:
        raise HParamsError(f"dry_run={config.dry_run!r} is unknown; give one of {', '.join(DRY_RUNS)}")
    wants_tokens = not config.hparams.batching.batch_tokens
    if config.dry_run == "off" and not wants_tokens:
        return config
    if config.strategy in ("multi_worker", "tpu", "mesh"):
        raise HParamsError(
            f"a dry run does not work with --strategy={config.strategy}; give {_SETTING} a number, and --dry_run=off"
        )
    if (usable := usable_bytes()) is None:
        raise HParamsError(f"this system does not tell how much memory is free; give {_SETTING} a number")
    if wants_tokens:
        config = _with_tokens(config, _tokens_of_run(config) or _find_tokens(config, usable))
    if config.dry_run != "off":
        with DryRun(config) as dry_run:
            measured = dry_run.measure(config.hparams.batching.batch_tokens)
        _require_fit(measured, usable, config)
        _say(
            f"dry run: {in_words(measured.peak)} at the most, with {measured.largest}; {in_words(usable)} may be taken"
        )
    return config


def check_weights(manifest: Manifest) -> None:
    """Checks that a model with its moments and gradients fits into the memory of this machine; it takes 0.3 s.

    Raises:
        TrainingError: it does not.
    """
    usable = None if tf.config.list_physical_devices("GPU") else usable_bytes()
    if usable is None:
        return
    with without_values():
        model = manifest.make_model()
    freeze(model, manifest.hparams.optimizer.freeze)
    needed = sum(bytes_of_model(model))
    if needed > usable:
        raise TrainingError(
            f"weights, moments and gradients of this model take {in_words(needed)}, and {in_words(usable)} may be"
            " taken; give a smaller --hparams_set, or a machine with more memory"
        )


def _require_fit(measured: Measured, usable: int, config: TrainConfig) -> None:
    """Raises a TrainingError where a dry run took too much."""
    if measured.was_killed:
        raise TrainingError(
            f"the dry run was ended by the system for want of memory ({in_words(usable)} may be taken); lower"
            f" {_SETTING}, batching.image_batch and batching.audio_batch_seconds, or free memory"
        )
    if measured.peak > usable:
        setting = measured.setting or _SETTING
        group, _, name = setting.partition(".")
        value = getattr(getattr(config.hparams, group), name)
        raise TrainingError(
            f"a step needs {in_words(measured.peak)}, with {measured.largest}, and {in_words(usable)} may be taken;"
            f" lower {setting} (now {value:g}), or free memory"
        )


def _with_tokens(config: TrainConfig, tokens: int) -> TrainConfig:
    return dataclasses.replace(config, hparams=config.hparams.override(batching__batch_tokens=tokens))


def _tokens_of_run(config: TrainConfig) -> int | None:
    """The value of the run that continues, if there is one."""
    if not (storage.at(config.output_dir) / FILE).exists():
        return None
    tokens = Manifest.load(config.output_dir).hparams.batching.batch_tokens
    _say(f"{_SETTING}={tokens}, as the run in {config.output_dir} has it")
    return tokens


def _find_tokens(config: TrainConfig, usable: int) -> int:
    """The largest value that fits, found by dry runs."""
    with DryRun(config) as dry_run:
        tokens, measured = largest_fit(dry_run.measure, usable)
    if tokens is None:
        _require_fit(measured, usable, _with_tokens(config, _FIRST))
    _say(f"{_SETTING}={tokens} was found: {in_words(measured.peak)} with {measured.largest} of {in_words(usable)}")
    return tokens


def largest_fit(measure: Callable[[int], Measured], usable: int) -> tuple[int | None, Measured]:
    """The largest number of tokens of a batch that fits, to an eighth.

    It doubles the number as long as the two last peaks promise that the next one fits, and then halves what it adds:
    memory that was taken once is kept, so that numbers only rise. It ends early where the batches grow no more, as they
    hold all examples.

    Args:
        measure: makes the steps; later calls have greater numbers.
        usable: bytes.

    Returns:
        the number, or None where even the first one does not fit; and what was measured with it.
    """
    tokens, measured = _FIRST, measure(_FIRST)
    if measured.was_killed or measured.peak > usable:
        return None, measured
    slope, added = 0.0, tokens
    while added * _FINENESS >= tokens:
        if measured.peak + slope * added > usable:
            added //= 2
            continue
        following = measure(tokens + added)
        if following.was_killed or following.peak > usable:
            break
        doubling = added == tokens
        if doubling and following.batches == measured.batches:
            break
        slope = max(following.peak - measured.peak, 0) / added
        tokens, measured = tokens + added, following
        added = tokens if doubling else added // 2
    return tokens, measured


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
