"""The metrics of the library sacrebleu (Post, 2018) as sums over examples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from t2t_multimodel.metrics.corpus_statistics import Statistics


def sacrebleu_statistics(
    name: str, metric: Any, hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> Statistics:
    """What `metric.corpus_score` is made of, with its signature.

    sacrebleu resamples by itself, but gives the half width of an interval alone, of draws that one environment variable
    seeds.

    Args:
        name: key of the score.
        metric: of `sacrebleu.metrics`.
        hypotheses: outputs.
        references: one or more references for each output; their number may differ between outputs.

    Example:
        ```python
        from sacrebleu.metrics import CHRF

        from t2t_multimodel.metrics.sacre import sacrebleu_statistics

        sacrebleu_statistics("chrf", CHRF(), ["a red ring"], [["a red ring"]]).scores()["chrf"]  # 100.0
        ```
    """
    by_number = [list(column) for column in itertools.zip_longest(*references)]
    sums = np.array(metric._extract_corpus_statistics(list(hypotheses), by_number), np.float64)

    def combine(totals: np.ndarray) -> dict[str, float]:
        return {name: float(metric._compute_score_from_stats(totals.tolist()).score)}

    return Statistics(sums, combine, {f"{name}_signature": str(metric.get_signature())})
