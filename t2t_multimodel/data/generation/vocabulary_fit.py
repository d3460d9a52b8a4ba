"""How well a vocabulary fits the text of a problem, in pieces a word."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from t2t_multimodel.data.generation.job import Job, Run
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.vocabulary import Label, Vocabulary

# Key of a vocabulary's options: problem to pieces a word of the text it was learned from.
OPTION = "pieces_a_word"
_EXAMPLES = 500
_TEXTS = 2000
_MUCH_LONGER = 1.4


def text_sides(problem: Problem) -> list[str]:
    """The sides of a problem that are text."""
    return [side for side in ("inputs", "targets") if getattr(problem, side).uses_vocabulary]


def words_of(value: str | Sequence[str]) -> str:
    """The text of a raw value, without its labels."""
    if isinstance(value, str):
        return value
    return " ".join(token for token in value if not isinstance(token, Label))


def pieces_a_word(vocabulary: Vocabulary, texts: Iterable[str]) -> float | None:
    """Mean number of ids for a word of the first texts; None where there are no words.

    Example:
        >>> vocabulary = Vocabulary.build(["a small red circle"] * 9, size=300)
        >>> pieces_a_word(vocabulary, ["a small circle"])
        1.0
    """
    sample = [text for text in itertools.islice(texts, _TEXTS) if text.strip()]
    words = sum(len(text.split()) for text in sample)
    return sum(map(len, vocabulary.encode_batch(sample))) / words if words else None


def warn_of_bad_fit(vocabulary: Vocabulary, jobs: Iterable[Job], run: Run) -> None:
    """Warns of problems whose text a vocabulary, learned from other text, cuts into many more pieces.

    Args:
        vocabulary: that of the data folder.
        jobs: problems with text, still to be generated.
        run: the run.
    """
    learned: dict[str, float] = vocabulary.options.get(OPTION, {})
    if not learned:
        return  # made by other means
    worst = max(learned.values())
    for job in jobs:
        name = job.problem.name
        found = None if name in learned else pieces_a_word(vocabulary, _sample(job, run))
        if found is not None and found > _MUCH_LONGER * worst:
            together = ",".join([*learned, name])
            run.warn(
                f"{name}: the vocabulary in {run.data_dir} was learned from other text, at {worst:.2f} pieces a word"
                f" there and {found:.2f} here, so that sequences are {found / worst:.1f} times as long; generate all"
                f" in one run into a new --data_dir: --problem={together}"
            )


def _sample(job: Job, run: Run) -> Iterator[str]:
    """Texts of the first training examples; what is damaged among them is named when they are encoded."""
    sides = text_sides(job.problem)
    examples = job.problem.examples("train", job.source(run, warn=lambda line: None))
    for example in itertools.islice(examples, _EXAMPLES):
        yield from (words_of(example[side]) for side in sides)
