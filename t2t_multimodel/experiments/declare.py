"""What an experiment is made of: scales, variants of a training, their runs, claims with the rule of their verdict."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_FORMAT = 1  # of a run's result; a new one makes every run new

TRANSLATIONS = ("en-de", "de-en", "en-fr", "fr-en", "de-fr")
BUDGETS = ("parameters", "FLOPs")  # at which a model without a kind of block is compared
ROLES = ("images", "captions", "speech", "parsing", *TRANSLATIONS)


def file_name(text: str) -> str:
    """The text with a hyphen in the place of all that is no letter or digit."""
    return "".join(letter if letter.isalnum() else "-" for letter in text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """On which problems, with which sets and for how long the tables are made.

    Attributes:
        name: of `--scale`.
        suite: its problems are generated.
        data_options: of `generate_data`, such as ``"train_examples=1000"``.
        hparams_set, hparams: of every run.
        joint_hparams: further overrides of runs of more than two tasks.
        steps: batches of each problem.
        vocab_size: ids of the vocabulary, of which the plan is made.
        tasks: the problem of each of `ROLES`.
        sizes: training examples of the curves over less data, by role.
        seeds: by table, where they are fewer than asked for; the others take all.
        removed: overrides of each ablation, by ``(block, budget)``.
        decode_examples: of test or dev, for the tasks' metrics.
        about: how sizes, depth and steps were chosen.
    """

    name: str
    suite: str
    data_options: str = ""
    hparams_set: str
    hparams: str = ""
    joint_hparams: str = ""
    steps: int
    vocab_size: int = 8192
    tasks: Mapping[str, str]
    sizes: Mapping[str, tuple[int, ...]]
    seeds: Mapping[str, int] = dataclasses.field(default_factory=dict)
    removed: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    decode_examples: int = 100
    about: str = ""

    def problems(self, roles: Sequence[str] = ROLES) -> tuple[str, ...]:
        """Names of problems."""
        return tuple(self.tasks[role] for role in roles)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to train; each seed makes a run of it.

    Attributes:
        name: in tables, such as ``"joint"``.
        roles: trained together, a batch of each in turn.
        hparams: overrides of the scale's.
        examples: training examples that are used, by role; all of the others.
        gradients: how often in a run the agreement of the gradients is measured.
        metrics: whether the test split is decoded and scored, or dev where there is none.
    """

    name: str
    roles: tuple[str, ...]
    hparams: str = ""
    examples: tuple[tuple[str, int], ...] = ()
    gradients: int = 0
    metrics: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A variant at a scale with a seed: one training, told apart by all that changes its result.

    Attributes:
        variant: name of the variant.
        scale: name of the scale.
        suite, data_options: the data.
        problems: trained together.
        hparams_set, hparams: of the training.
        steps: of the training.
        evaluations: of the dev split, at equal distances, the last one at the end.
        gradients, metrics, decode_examples: what is measured beside.
        seed: of the training.
    """

    variant: str
    scale: str
    suite: str
    data_options: str
    problems: tuple[str, ...]
    hparams_set: str
    hparams: str
    steps: int
    evaluations: int
    gradients: int
    metrics: bool
    decode_examples: int
    seed: int

    @property
    def declaration(self) -> dict[str, Any]:
        """All but the names, which change nothing."""
        fields = dataclasses.asdict(self)
        return {name: fields[name] for name in fields if name not in ("variant", "scale")}

    @property
    def fingerprint(self) -> str:
        """Equal for runs with equal results."""
        text = json.dumps({"format": _FORMAT, **self.declaration}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    @property
    def name(self) -> str:
        """Of its folder: readable, and unique by the fingerprint."""
        return f"{file_name(self.variant)}-seed{self.seed}-{self.fingerprint}"


EVALUATIONS = 5


def make_run(scale: Scale, variant: Variant, seed: int) -> Run:
    """The run of a variant with a seed.

    A run of several problems takes a batch of each in turn, so that each has `scale.steps` of its own.
    """
    overrides = [scale.hparams, variant.hparams]
    if len(variant.roles) > 1:
        overrides.append("mixing.scheme=distributed")
    if len(variant.roles) > 2:
        overrides.append(scale.joint_hparams)
    if variant.examples:
        limits = "|".join(f"{scale.tasks[role]}:{count}" for role, count in variant.examples)
        overrides.append(f"batching.examples={limits}")
    return Run(
        variant=variant.name,
        scale=scale.name,
        suite=scale.suite,
        data_options=scale.data_options,
        problems=scale.problems(variant.roles),
        hparams_set=scale.hparams_set,
        hparams=",".join(filter(None, overrides)),
        steps=scale.steps * len(variant.roles),
        evaluations=EVALUATIONS,
        gradients=variant.gradients,
        metrics=variant.metrics,
        decode_examples=scale.decode_examples if variant.metrics else 0,
        seed=seed,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """What the paper says, put so that runs can decide it.

    The rule, fixed before the runs: for each seed the loss of `first` minus that of `second`, over the loss of the
    problem's baseline, averaged over `roles`; of these differences the mean and its 95% interval over seeds (Student's
    t). `statistics.verdict` says what the interval means for "the difference is `kind` than `margin`".

    Attributes:
        text: one sentence.
        first, second: names of variants, or that of each role.
        roles: over which the differences are averaged.
        kind: ``"less"``, or ``"not_greater"`` where no harm is claimed.
        margin: in shares of the baseline's loss: the harm that is tolerated.
    """

    text: str
    first: str | Mapping[str, str]
    second: str | Mapping[str, str]
    roles: tuple[str, ...]
    kind: str = "less"
    margin: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the paper, or one question beside them.

    Attributes:
        name: of `--table`.
        title: of its part of the report.
        question: a sentence or two: what is compared, and what is read off.
        variants: of a scale.
        report: blocks of the report from the results.
        claims: of a scale; none unless given.
    """

    name: str
    title: str
    question: str
    variants: Callable[[Scale], Sequence[Variant]]
    report: Callable[..., Sequence[Any]]
    claims: Callable[[Scale], Sequence[Claim]] = lambda scale: ()

    def runs(self, scale: Scale, seeds: Sequence[int]) -> list[Run]:
        """Of all variants, seed by seed."""
        count = scale.seeds.get(self.name, len(seeds))
        return [make_run(scale, variant, seed) for seed in seeds[:count] for variant in self.variants(scale)]
