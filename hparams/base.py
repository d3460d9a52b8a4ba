"""Typed, immutable hyperparameters in groups, and their textual overrides.

A registered set returns an `HParams`, ``--hparams="group.name=value,..."`` changes it, and a run keeps it as JSON in
its `model.json`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from typing import Any

from t2t_multimodel.errors import HParamsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class BodyHParams:
    """Encoder, mixer and decoder.

    Attributes:
        form: ``"paper"``, or ``"plus"``: pre-normalised blocks of self-attention, attention to the source and a
            convolutional feed-forward layer, which learn faster.
        depth: channels of the joint representation.
        num_heads: attention heads.
        attention: ``"full"``, or ``"uniform"``: each position gets the mean of all values that it may see, without
            queries and keys. An ablation: the source is still read, but not at places of the model's choice.
        encoder_blocks, mixer_blocks, decoder_blocks: number of convolutional blocks in each part.
        attention_conv_blocks: convolutional blocks that mix the target before it is attended.
        kernel_sizes, dilations: of the four steps of a convolutional block.
        second_skip: the second skip starts at the block's ``"input"`` (paper) or at ``"hidden"`` (the 2017 code).
        branch_scale: what the normalisation's scale at the end of a residual branch of a convolutional block starts
            at: 1 as in the 2017 code; with less a block starts nearer to the identity.
        recompute: the gradient of a convolutional block computes its inner values again instead of keeping them:
            less memory, more time.
        encoder_timing: adds the timing signal to the encoder's input (the 2017 code).
        feed_forward: width of the feed-forward layers of the form "plus".
        feed_forward_kernel: taps of their convolutions.
        max_commands: rows of the command token table.
    """

    form: str = "paper"
    depth: int = 512
    num_heads: int = 8
    attention: str = "full"
    encoder_blocks: int = 6
    mixer_blocks: int = 2
    decoder_blocks: int = 4
    attention_conv_blocks: int = 2
    kernel_sizes: tuple[int, ...] = (3, 3, 15, 15)
    dilations: tuple[int, ...] = (1, 1, 1, 8)
    second_skip: str = "input"
    branch_scale: float = 1.0
    recompute: bool = False
    encoder_timing: bool = True
    feed_forward: int = 2048
    feed_forward_kernel: int = 5
    max_commands: int = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureHParams:
    """Sparsely gated mixture of experts; ``num_experts=0`` leaves it out.

    Attributes:
        num_experts: experts in each of the two mixtures.
        hidden: width of an expert's one hidden layer.
        k: experts that each token is sent to.
        loss_coefficient: factor of the squared variation coefficients of importance and load.
        capacity_factor: 0 drops nothing; otherwise each expert takes at most this many times the mean load (XLA, TPU).
    """

    num_experts: int = 30
    hidden: int = 1024
    k: int = 4
    loss_coefficient: float = 1e-2
    capacity_factor: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModalitiesHParams:
    """Modality nets and the features they read.

    Attributes:
        shared_embedding: one table embeds inputs and targets.
        tied_softmax: the output projection is the embedding table.
        image_size: side in pixels; 0 takes the problem's own.
        image_entry_filters: filters of the Xception entry flow before its last block, which has `depth`.
        class_exit_widths: filters of the Xception exit flow as multiples of depth.
        audio_features: ``"spectrogram"`` (log-mel) or ``"waveform"``.
        audio_bands: mel bands.
        audio_window_ms, audio_hop_ms: analysis window and hop.
        audio_blocks: residual blocks of the audio net.
        audio_strided_blocks: how many of them halve the time axis.
        audio_filters: filters of the first block, doubled from block to block.
        audio_frequency: ``"flatten"`` keeps each band as a position, ``"merge"`` projects all bands to one position.
        audio_max_seconds: longer sound is cut in training and evaluation.
        spec_augment: time and frequency masks in training.
    """

    shared_embedding: bool = True
    tied_softmax: bool = False
    image_size: int = 0
    image_entry_filters: tuple[int, ...] = (32, 64, 128, 256)
    class_exit_widths: tuple[float, ...] = (1.0, 1.25, 2.0, 2.5)
    audio_features: str = "spectrogram"
    audio_bands: int = 80
    audio_window_ms: float = 25.0
    audio_hop_ms: float = 10.0
    audio_blocks: int = 8
    audio_strided_blocks: int = 8
    audio_filters: int = 2
    audio_frequency: str = "flatten"
    audio_max_seconds: float = 20.0
    spec_augment: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerHParams:
    """The optimizer and its schedule.

    Attributes:
        name: ``"adam"``; ``"muon"``: matrices of the body are updated by their orthogonalised momentum, all else
            by Adam; or ``"sgd"``, gradient descent without momentum.
        learning_rate: factor of the schedule.
        schedule: ``"noam"`` (depth^-0.5 * min((s+1) * warmup^-1.5, (s+1)^-0.5)), ``"rsqrt"`` (the same
            curve by its peak), ``"cosine"`` (to zero at the last step) or ``"constant"``; all but noam rise linearly
            over the warm-up to `learning_rate`.
        warmup_steps: steps of rising rate.
        beta1, beta2, epsilon: Adam's.
        clip_norm: global gradient norm; 0 does not clip.
        accumulate_steps: batches whose gradients are summed before one update, which then makes one step.
        combine: how the gradients of a step's problems become one (distributed mixing, `accumulate_steps` of 2 or
            more): their ``"sum"``, or ``"pcgrad"``, the sum after each has lost what points against another.
        weight_decay: decoupled, for matrices only.
        muon_scale: root mean square of Muon's update of a matrix over the learning rate.
        muon_momentum: decay of Muon's Nesterov momentum.
        muon_steps: Newton-Schulz iterations.
        ema_decay: of the exponential moving averages of the weights; 0 keeps none.
        freeze: patterns of variables' names, as ``encoder/*``, joined by ``|``: these are not trained.
        rate_factors: factors of the learning rate, ``pattern:factor`` items joined by ``|``; of several patterns that
            match a variable's name the last one counts.
        max_skipped_steps: a step whose loss or gradient is not finite updates nothing; so many of them in a row, of one
            problem or of all, end the training.
    """

    name: str = "adam"
    learning_rate: float = 1.0
    schedule: str = "noam"
    warmup_steps: int = 4000
    beta1: float = 0.85
    beta2: float = 0.997
    epsilon: float = 1e-6
    clip_norm: float = 2.0
    accumulate_steps: int = 1
    combine: str = "sum"
    weight_decay: float = 0.0
    muon_scale: float = 0.7
    muon_momentum: float = 0.95
    muon_steps: int = 3
    ema_decay: float = 0.0
    freeze: str = ""
    rate_factors: str = ""
    max_skipped_steps: int = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchingHParams:
    """How examples become batches.

    Attributes:
        batch_tokens: positions of the longer side in a batch of text; 0: the most that fits into memory, which the
            trainer finds before a new run.
        image_batch: examples in a batch of images.
        audio_batch_seconds: seconds of sound in a batch.
        max_length: longer text examples are left out of training.
        bucket_growth: ratio of neighbouring bucket boundaries.
        min_bucket: first bucket boundary.
        examples: how many training examples a problem has, ``problem:count`` items joined by ``|``, as if its corpus
            were smaller: always the same ones, and a smaller count's are among a larger one's. Problems not named use
            all, and names of other problems than the run's are ignored.
    """

    batch_tokens: int = 2048
    image_batch: int = 32
    audio_batch_seconds: float = 120.0
    max_length: int = 256
    bucket_growth: float = 1.2
    min_bucket: int = 8
    examples: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixingHParams:
    """Which problem a step trains, and how much its loss counts.

    Attributes:
        scheme: ``"uniform"``; ``"proportional"``, to min(examples, `cap`)^(1/`temperature`); ``"weighted"``, by
            `weights`; ``"adaptive"``, proportional to each problem's moving-average loss; ``"relative"``, proportional
            to that loss over the loss of the problem's baseline; or ``"distributed"``: each replica trains a problem of
            its own, in turns by `weights`.
        temperature: flattens proportional mixing.
        cap: no problem counts as having more examples in proportional mixing; 0 means no limit.
        weights: for weighted and distributed mixing, ``problem:weight`` items joined by ``|``; problems not named count
            1. A weight may change with the step: ``1>4@1000`` rises from 1 to 4 over the first 1000 steps, and then
            stays.
        decay: of the moving average.
        loss_weights: factors of the problems' losses, ``problem:weight`` items joined by ``|``; problems not named
            keep their own (`Problem.loss_weight`), and names of other problems than the run's are ignored.
        overfit_patience: a problem whose loss on dev stood above its lowest at so many evaluations in a row is sampled
            less, until there is a new lowest; 0 never.
        overfit_factor: of its weight then.
    """

    scheme: str = "uniform"
    temperature: float = 1.0
    cap: int = 0
    weights: str = ""
    decay: float = 0.9
    loss_weights: str = ""
    overfit_patience: int = 0
    overfit_factor: float = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegularizationHParams:
    """Dropout and label smoothing.

    Attributes:
        dropout: at the end of each convolutional block.
        attention_dropout: of attention weights.
        label_smoothing: mass spread over the wrong labels.
    """

    dropout: float = 0.1
    attention_dropout: float = 0.0
    label_smoothing: float = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComputeHParams:
    """How a step is computed.

    Attributes:
        precision: of the factors of products in training, ``"float32"`` or ``"bfloat16"``; weights, the optimizer and
            all else are in float32.
        compile: ``"none"``, or ``"xla"``: a train step is one XLA program for each shape of batches (docs/training.md).
            Without `mixture.capacity_factor` no token is dropped by an expert; about a third of the experts' rows is
            then computed in vain.
    """

    precision: str = "float32"
    compile: str = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HParams:
    """All groups."""

    body: BodyHParams = BodyHParams()
    mixture: MixtureHParams = MixtureHParams()
    modalities: ModalitiesHParams = ModalitiesHParams()
    optimizer: OptimizerHParams = OptimizerHParams()
    batching: BatchingHParams = BatchingHParams()
    mixing: MixingHParams = MixingHParams()
    regularization: RegularizationHParams = RegularizationHParams()
    compute: ComputeHParams = ComputeHParams()

    def override(self, text: str = "", /, **values: Any) -> HParams:
        """A copy with ``group.name=value`` items of `text`, or ``group__name=value`` keywords, replaced.

        Tuples are written with colons, ``body.kernel_sizes=3:7:15:31``. A name without a group is accepted where
        only one group has it.

        Raises:
            HParamsError: an unknown name (the nearest is suggested) or a value of the wrong type.

        Example:
            HParams().override("body.depth=64,dropout=0.2", mixing__scheme="adaptive")
        """
        result = self
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = item.partition("=")
            if not equals:
                raise HParamsError(f"hparams override {item!r} has no value; write group.name=value")
            result = result._replace_one(name.strip(), value.strip())
        for name, value in values.items():
            result = result._replace_one(name.replace("__", "."), value)
        return result

    def check(self) -> HParams:
        """Returns this set if a model can be built and trained with it.

        Raises:
            HParamsError: it cannot; the line names the hparam, its value and what is allowed.

        Example:
            HParams().override("body.depth=64").check()
        """
        from t2t_multimodel.hparams.check import check

        check(self)
        return self

    def _replace_one(self, name: str, value: Any) -> HParams:
        group, short = self._resolve(name)
        part = getattr(self, group)
        parsed = _parse(getattr(part, short), value, name)
        return dataclasses.replace(self, **{group: dataclasses.replace(part, **{short: parsed})})

    def _resolve(self, name: str) -> tuple[str, str]:
        known = [f"{g.name}.{f.name}" for g in dataclasses.fields(self) for f in dataclasses.fields(g.default)]
        found = [full for full in known if full == name or full.split(".")[1] == name]
        if len(found) == 1:
            group, short = found[0].split(".")
            return group, short
        if found:
            raise HParamsError(f"hparam {name!r} is ambiguous; write one of {', '.join(found)}")
        shorts = {full.split(".")[1]: full for full in known}
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4) or [
            shorts[n] for n in difflib.get_close_matches(name.split(".")[-1], shorts, n=1, cutoff=0.3)
        ]
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise HParamsError(f"unknown hparam {name!r}; {hint}")

    def to_json(self) -> str:
        """JSON text of all groups."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)

    def flat(self) -> dict[str, bool | int | float | str]:
        """All fields by ``group.name``; a list as `override` takes it, ``3:5:7``.

        Example:
            HParams().flat()["mixing.scheme"]  # "uniform"
        """
        return flat_values(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> HParams:
        """The inverse of `to_json`; fields that the text lacks take their defaults."""
        groups = json.loads(text)
        return cls(
            **{
                group.name: type(group.default)(
                    **{
                        name: tuple(value) if isinstance(value, list) else value
                        for name, value in groups.get(group.name, {}).items()
                    }
                )
                for group in dataclasses.fields(cls)
            }
        )


def flat_values(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, bool | int | float | str]:
    """Fields of groups, as `HParams.to_json` has them, by ``group.name``; lists and None as text."""
    return {
        f"{group}.{name}": _scalar(value) for group, fields in groups.items() for name, value in sorted(fields.items())
    }


def _scalar(value: Any) -> bool | int | float | str:
    if isinstance(value, list | tuple):
        return ":".join(map(str, value))
    return value if isinstance(value, bool | int | float | str) else str(value)


def _parse(current: Any, value: Any, name: str) -> Any:
    """`value` as the type of `current`."""
    if not isinstance(value, str):
        return tuple(value) if isinstance(current, tuple) else value
    try:
        if isinstance(current, bool):
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        if isinstance(current, tuple):
            return tuple(type(current[0])(item) for item in value.split(":"))
        return type(current)(value)
    except (KeyError, ValueError):
        kind = {bool: "true or false", int: "an int", float: "a float"}.get(type(current), "a list such as 3:3:15")
        raise HParamsError(f"hparam {name}={value!r} is not {kind}; its value now is {current!r}") from None
