"""Insertions, deletions and substitutions between outputs and references, as the library jiwer counts them."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np

from t2t_multimodel.metrics.corpus_statistics import Statistics

_KINDS = ("substitute", "delete", "insert", "equal")


def edit_statistics(name: str, unit: str, output: Any) -> Statistics:
    """An error rate with the counts that it is made of.

    Args:
        name: key of the rate.
        unit: what is counted, in the plural.
        output: of `jiwer.process_words` or `jiwer.process_characters`.

    Returns:
        statistics of `name`, ``NAME_substitutions``, ``NAME_deletions``, ``NAME_insertions``, ``NAME_reference_UNIT``
        and ``NAME_signature``. Where no reference has any, the rate is the number of insertions.

    Example:
        ```python
        import jiwer

        from t2t_multimodel.metrics.edits import edit_statistics

        edit_statistics("wer", "words", jiwer.process_words(["a b c"], ["a x c d"])).sums.tolist()  # [[1, 0, 1, 2]]
        ```
    """

    def combine(sums: np.ndarray) -> dict[str, float | int]:
        substitutions, deletions, insertions, hits = map(round, sums.tolist())
        wanted = substitutions + deletions + hits
        return {
            name: (substitutions + deletions + insertions) / (wanted or 1),
            f"{name}_substitutions": substitutions,
            f"{name}_deletions": deletions,
            f"{name}_insertions": insertions,
            f"{name}_reference_{unit}": wanted,
        }

    # jiwer's own normaliser: blanks at the ends are removed and runs of them are one; all else is compared as it is.
    normaliser = f"case:mixed|punctuation:kept|blanks:collapsed|unit:{unit}"
    signature = f"{normaliser}|library:jiwer|version:{importlib.metadata.version('jiwer')}"
    return Statistics(np.array([_counts(one) for one in output.alignments]), combine, {f"{name}_signature": signature})


def _counts(alignment: list) -> list[float]:
    counts = dict.fromkeys(_KINDS, 0.0)
    for chunk in alignment:
        size = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        counts[chunk.type] += size
    return list(counts.values())
