"""Loss as a power law of training examples, and where joint training begins or ceases to help by it.

The loss of a task trained alone on n examples is `L(n) = E + A n^-a` (Hestness et al. 2017, arXiv 1712.00409), and of
a task trained with others `L_joint(n) = L(n) + c - B n^-b`: an interaction term after Aghajanyan et al. 2023, arXiv
2301.03728, with competition `c` and a synergy `B n^-b`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.statistics import Interval

Losses = Mapping[int, Mapping[int, float]]  # training examples -> seed -> loss

EXPONENTS = (0.02, 2.0)
_PARAMETERS = 3


@dataclasses.dataclass(frozen=True)
class PowerLaw:
    """`constant + factor * n ** -exponent`, fitted.

    Args:
        constant: `E` of a loss, `c` of an interaction.
        factor: `A` of a loss, `-B` of an interaction.
        exponent: `a` or `b`, within `EXPONENTS`; at an end of them the sizes measured do not determine it.
        examples: sizes that were measured, ascending.
        samples: `[1 + resamples, 3]`, constant, factor and exponent: the fit, then that of each bootstrap resample;
            of the fit alone where there are no more losses than parameters, and so no intervals.
    """

    constant: Interval
    factor: Interval
    exponent: Interval
    examples: tuple[int, ...]
    samples: np.ndarray = dataclasses.field(repr=False, compare=False)

    def at(self, examples: float, confidence: float = 0.95) -> Interval:
        """The law's value at so many examples, with its interval."""
        return _interval(_values(self.samples, examples), self.constant.count, confidence)


def fit(losses: Losses, resamples: int = 200, seed: int = 0, confidence: float = 0.95) -> PowerLaw:
    """The law `E + A n^-a` of the losses of one task, with `E >= 0` and `A >= 0`.

    Least squares over all losses. Given the exponent the other two have a closed form, so that a grid over the
    exponent, refined where it is best, finds the best fit whatever the data: no starting points are needed. Intervals
    are percentiles of a wild bootstrap (Wu 1986): the residual of each seed, corrected by its leverage, stays at its
    size, since small sizes scatter more than large ones, and is multiplied by a normal draw.

    Args:
        losses: by number of examples the loss of each seed.
        resamples: of the bootstrap.
        seed: of the draws.
        confidence: of the intervals.

    Raises:
        ExperimentError: fewer than three sizes, or a loss that is not finite.

    Example:
        >>> law = fit({n: {1: 0.5 + 3.0 * n**-0.4} for n in (100, 300, 1000, 3000)})
        >>> f"{law.constant.mean:.3f} + {law.factor.mean:.3f} n^-{law.exponent.mean:.3f}"
        '0.500 + 3.000 n^-0.400'
    """
    return _fit(losses, resamples, seed, confidence, positive=True)


def fit_interaction(
    single: Losses, joint: Losses, resamples: int = 200, seed: int = 0, confidence: float = 0.95
) -> PowerLaw:
    """The interaction `c - B n^-b` of joint with single losses: below 0 where joint training helps.

    It is fitted to `joint - single` of each seed at each size that both have, so that what the two share cancels. `c`
    and `B` may have either sign: the data may contradict the form that the law expects.

    Args:
        single: by number of examples the loss of each seed, trained alone.
        joint: the same, trained with other tasks.
        resamples: as of `fit`.
        seed: as of `fit`.
        confidence: as of `fit`.

    Raises:
        ExperimentError: fewer than three sizes have a seed in both, or a loss is not finite.
    """
    common = {n: sorted(single[n].keys() & joint[n].keys()) for n in single.keys() & joint.keys()}
    differences = {n: {one: joint[n][one] - single[n][one] for one in seeds} for n, seeds in common.items()}
    return _fit(differences, resamples, seed, confidence, positive=False)


@dataclasses.dataclass(frozen=True)
class Threshold:
    """Where joint training helps, by the sizes that were measured.

    Args:
        helps: "below" or "above" `examples`, or on the whole range ("throughout") or none of it ("nowhere").
        examples: where the interaction changes sign, with its interval; an end that is 0 or inf lies beyond the range.
            None where it does not change sign within the range.
        reach: (smallest, largest) number of examples that this is said of.
        shares: of the bootstrap resamples, the share that each word of `helps` holds for; without resamples (an
            infinite interval), of the fit alone.
    """

    helps: str
    examples: Interval | None
    reach: tuple[float, float]
    shares: Mapping[str, float]


def threshold(interaction: PowerLaw, beyond: float = 2.0, confidence: float = 0.95) -> Threshold:
    """The number of examples at which an interaction changes sign, if it does in the range that was measured.

    Args:
        interaction: of `fit_interaction`.
        beyond: factor by which the range may exceed the sizes measured, at both ends; at most 2.
        confidence: of the interval. A resample that does not change sign widens it to the side where the sign would
            change, one that changes the other way to both sides.

    Raises:
        ExperimentError: `beyond` is not between 1 and 2.

    Example:
        >>> sizes = (100, 300, 1000, 3000)
        >>> single = {n: {1: 1 + n**-0.5} for n in sizes}
        >>> joint = {n: {1: 1 + n**-0.5 + 0.1 - 10 / n} for n in sizes}
        >>> found = threshold(fit_interaction(single, joint))
        >>> found.helps, round(found.examples.mean)
        ('below', 100)
    """
    if not 1 <= beyond <= 2:
        raise ExperimentError(f"beyond={beyond} is not between 1 and 2; a law says nothing far from its data")
    samples = interaction.samples
    low, high = interaction.examples[0] / beyond, interaction.examples[-1] * beyond
    helps = _where(samples, low, high)
    drawn = helps[1:] if len(helps) > 1 else helps
    shares = {word: float(np.mean(drawn == word)) for word in ("below", "above", "throughout", "nowhere")}
    word, crossing = str(helps[0]), None
    if word in ("below", "above"):
        at = _crossings(samples, helps)
        crossing = _interval(at, interaction.constant.count, confidence, *_bounds(at, helps, word))
    return Threshold(word, crossing, (low, high), shares)


def _where(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    """For each sample, where in [low, high] the value is below 0; a power law changes sign once at most."""
    first, last = _values(samples, low) < 0, _values(samples, high) < 0
    return np.select([first & last, first, last], ["throughout", "below", "above"], "nowhere")


def _crossings(samples: np.ndarray, helps: np.ndarray) -> np.ndarray:
    """The number of examples where each sample is 0; NaN where that is not in the range."""
    constant, factor, exponent = np.where(np.isin(helps, ("below", "above"))[:, None], samples, np.nan).T
    return (-factor / constant) ** (1 / exponent)


def _bounds(at: np.ndarray, helps: np.ndarray, word: str) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that each sample allows for a crossing of the kind `word`."""
    later, earlier = ("throughout", "nowhere") if word == "below" else ("nowhere", "throughout")
    least = np.select([helps == word, helps == later], [at, np.inf], 0.0)
    most = np.select([helps == word, helps == earlier], [at, 0.0], np.inf)
    return least, most


def _fit(losses: Losses, resamples: int, seed: int, confidence: float, positive: bool) -> PowerLaw:
    sizes, values = _points(losses)
    estimate = _least_squares(sizes, values[None], positive)
    samples = estimate
    if len(values) > _PARAMETERS:
        fitted = _values(estimate, sizes[:, None])[:, 0]
        residuals = (values - fitted) / (1 - _leverage(estimate[0], sizes))
        draws = np.random.default_rng(seed).normal(size=(resamples, len(values)))
        samples = np.concatenate([estimate, _least_squares(sizes, fitted + draws * residuals, positive)])
    parameters = (_interval(column, len(values), confidence) for column in samples.T)
    return PowerLaw(*parameters, tuple(int(size) for size in np.unique(sizes)), samples)


def _leverage(estimate: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How far each point pulls the fit to itself, `[points]`: the diagonal of the linearized fit's hat matrix."""
    _, factor, exponent = estimate
    powers = sizes**-exponent
    slopes = np.stack([np.ones_like(sizes), powers, -factor * powers * np.log(sizes)], axis=1)
    return np.minimum(np.diag(slopes @ np.linalg.pinv(slopes)), 0.9)


def _points(losses: Losses) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and losses `[points]`, by size and seed."""
    points = [(n, losses[n][seed]) for n in sorted(losses) for seed in sorted(losses[n])]
    sizes, values = np.array(points, np.float64).reshape(-1, 2).T
    if len(np.unique(sizes)) < _PARAMETERS or sizes[0] <= 0:
        raise ExperimentError(
            f"losses at {sorted(set(sizes.astype(int).tolist()))} examples do not determine a power law; measure at"
            f" least {_PARAMETERS} sizes above 0"
        )
    if not np.isfinite(values).all():
        raise ExperimentError("a loss is not finite; leave out the run that diverged and say so")
    return sizes, values


def _least_squares(sizes: np.ndarray, values: np.ndarray, positive: bool) -> np.ndarray:
    """Constant, factor and exponent `[rows, 3]` that fit each row of `values` `[rows, points]` best."""
    lowest, highest = EXPONENTS
    grid, step = np.linspace(lowest, highest, 100), (highest - lowest) / 99
    exponents = np.repeat(grid[None], len(values), axis=0)
    for _ in range(6):
        constant, factor, errors = _linear_part(sizes, values, exponents, positive)
        best = (np.arange(len(values)), errors.argmin(axis=1))
        centre = exponents[best]
        found = np.stack([constant[best], factor[best], centre], axis=1)
        exponents = np.clip(centre[:, None] + np.linspace(-step, step, 21), lowest, highest)
        step /= 10
    return found


def _linear_part(sizes: np.ndarray, values: np.ndarray, exponents: np.ndarray, positive: bool):
    """Constant, factor and sum of squares `[rows, candidates]`, given exponents of that shape.

    With `positive`, a constant or factor below 0 is held at 0 and the other fitted again.
    """
    powers = sizes ** -exponents[..., None]  # [rows, candidates, points]
    values = values[:, None]  # [rows, 1, points]
    mean, spread = powers.mean(-1), powers - powers.mean(-1, keepdims=True)
    factor = (spread * values).sum(-1) / (spread**2).sum(-1)
    constant = values.mean(-1) - factor * mean
    if positive:
        alone = np.maximum((powers * values).sum(-1) / (powers**2).sum(-1), 0.0)
        flat = np.maximum(values.mean(-1), 0.0)
        no_factor, no_constant = factor < 0, constant < 0
        factor = np.where(no_factor, 0.0, np.where(no_constant, alone, factor))
        constant = np.where(no_factor, flat, np.where(no_constant, 0.0, constant))
    errors = ((values - constant[..., None] - factor[..., None] * powers) ** 2).sum(-1)
    return constant, factor, errors


def _values(samples: np.ndarray, examples) -> np.ndarray:
    """The laws at so many examples: `[samples]`, or `[points, samples]` for `[points, 1]`."""
    constant, factor, exponent = samples.T
    return constant + factor * np.asarray(examples, np.float64) ** -exponent


def _interval(
    values: np.ndarray,
    count: int,
    confidence: float,
    least: np.ndarray | None = None,
    most: np.ndarray | None = None,
) -> Interval:
    """The first value, with percentiles of the others, or of what bounds them."""
    mean = float(values[0])
    if len(values) == 1:
        return Interval(mean, -math.inf, math.inf, count)
    tail = (1 - confidence) / 2
    low = np.quantile((values if least is None else least)[1:], tail, method="lower")
    high = np.quantile((values if most is None else most)[1:], 1 - tail, method="higher")
    return Interval(mean, min(float(low), mean), max(float(high), mean), count)
