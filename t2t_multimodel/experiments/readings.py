"""What is read off the results of a table: scores of variants by seed, and differences between them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from t2t_multimodel.experiments.declare import Claim, Scale, Variant, make_run
from t2t_multimodel.experiments.results import Result

BySeed = dict[int, float]


class Readings:
    """Scores of the variants of a scale.

    A run's loss on a task is the lowest of its evaluations on dev: an early stop, the same for all.

    Args:
        scale: of the runs.
        results: of the runs that are complete.
        seeds: that are read.
    """

    def __init__(self, scale: Scale, results: Iterable[Result], seeds: Sequence[int]):
        self.scale, self.seeds = scale, tuple(seeds)
        self._by_name = {result["name"]: result for result in results}
        self._names: dict[tuple[str, int], str] = {}

    def add(self, variants: Iterable[Variant]) -> None:
        """Makes variants known by their names."""
        for variant in variants:
            for seed in self.seeds:
                self._names[variant.name, seed] = make_run(self.scale, variant, seed).name

    def results(self, variant: str) -> dict[int, Result]:
        """Results of a variant by seed."""
        names = {seed: self._names.get((variant, seed)) for seed in self.seeds}
        return {seed: self._by_name[name] for seed, name in names.items() if name in self._by_name}

    def loss(self, variant: str, role: str) -> BySeed:
        """Nats a target."""
        return self._best(variant, role, "loss", min)

    def accuracy(self, variant: str, role: str) -> BySeed:
        """Share of targets, teacher-forced."""
        return self._best(variant, role, "token_accuracy", max)

    def sequences(self, variant: str, role: str) -> BySeed:
        """Share of outputs that are right as a whole, teacher-forced."""
        return self._best(variant, role, "sequence_accuracy", max)

    def _best(self, variant: str, role: str, score: str, best) -> BySeed:
        problem = self.scale.tasks[role]
        found = {
            seed: [record[score] for record in result["dev"] if record["problem"] == problem and score in record]
            for seed, result in self.results(variant).items()
        }
        return {seed: best(values) for seed, values in found.items() if values}

    def baseline(self, variant: str, role: str) -> float | None:
        """Loss of what predicts without a model: the unigram of the targets, or the majority class."""
        for result in self.results(variant).values():
            if self.scale.tasks[role] in result["baseline"]:
                return result["baseline"][self.scale.tasks[role]][0]
        return None

    def relative_loss(self, variant: str, role: str) -> BySeed:
        """Loss over the loss of the baseline."""
        baseline = self.baseline(variant, role)
        return {seed: loss / baseline for seed, loss in self.loss(variant, role).items()} if baseline else {}

    def difference(
        self, first: str | Mapping[str, str], second: str | Mapping[str, str], roles: Sequence[str]
    ) -> BySeed:
        """Mean over roles of the relative loss of `first` minus that of `second`, for the seeds that both have.

        A mapping names the variant of each role.
        """
        by_role = []
        for role in roles:
            one = self.relative_loss(first if isinstance(first, str) else first[role], role)
            other = self.relative_loss(second if isinstance(second, str) else second[role], role)
            by_role.append({seed: one[seed] - other[seed] for seed in one if seed in other})
        seeds = set.intersection(*map(set, by_role)) if by_role else set()
        return {seed: statistics.mean(values[seed] for values in by_role) for seed in sorted(seeds)}

    def claimed(self, claim: Claim) -> BySeed:
        """The differences that decide a claim."""
        return self.difference(claim.first, claim.second, claim.roles)
