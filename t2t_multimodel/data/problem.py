"""What a problem declares: modalities, source, command token and metrics."""

from __future__ import annotations

import dataclasses
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data.notices import Notices
from t2t_multimodel.data.spec import InputSpec, TargetSpec
from t2t_multimodel.errors import BadExampleError, DataError, ExportError, MultiModelError, SourceError

if TYPE_CHECKING:
    import tensorflow as tf

    from t2t_multimodel.data.output_constraint import OutputConstraint
    from t2t_multimodel.data.vocabulary.load import AnyVocabulary

SPLITS = ("train", "dev", "test")


@dataclasses.dataclass
class Source:
    """Where a problem reads raw examples, and what it could not read.

    Args:
        source_dir: the official distribution as the user has it, or None.
        tmp_dir: a writable place for downloads and scratch, or None.
        seed: seed of whatever is generated or sampled.
        options: values of the problem's options (`Problem.options` overlaid by the user's).
        strict: raise on the first bad example instead of dropping it.
        warn: called with one line for a bad example: three times for each reason, and once with their sum.
    """

    source_dir: pathlib.Path | None = None
    tmp_dir: pathlib.Path | None = None
    seed: int = 0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    strict: bool = False
    warn: Callable[[str], None] = print
    dropped: Counter = dataclasses.field(default_factory=Counter)

    def __post_init__(self):
        self._notices = Notices(lambda line: self.warn(line))

    def drop(self, reason: str, where: str, outcome: str = "example dropped") -> None:
        """Counts one dropped example and says which, or raises under `strict`.

        A reason that repeats is shown three times; `finish` says how often it came.

        Args:
            reason: short and countable, e.g. ``"truncated image"``.
            where: file, member and offset or line.
            outcome: what becomes of it.
        """
        if self.strict:
            raise BadExampleError(f"{where}: {reason}; mend the file or run without --strict to drop it")
        self.dropped[reason] += 1
        self._notices.add(reason, where, outcome)

    def note(self, reason: str, where: str, outcome: str = "example kept") -> None:
        """Warns of an unusual example that is kept; shown and summed as by `drop`, never fatal."""
        self._notices.add(reason, where, outcome)

    def finish(self) -> None:
        """Says the sum of each reason that came more often than it was shown."""
        self._notices.finish()

    def reasons(self) -> str:
        """What was left out, for an error message: count, reason and first place of each; empty if nothing was."""
        first = self._notices.first
        parts = [
            f"{count:,} {reason}" + (f", first at {first[reason]}" if reason in first else "")
            for reason, count in self.dropped.items()
        ]
        return f" (dropped: {'; '.join(parts)})" if parts else ""

    def skip(self, reason: str) -> None:
        """Counts one example left out on purpose (a filter, an option); never fatal, no warning."""
        self.dropped[reason] += 1


class Problem:
    """One task. Subclass, set the attributes, write `examples`, and register the class.

    Attributes:
        name: set by `register_problem`.
        inputs, targets: specs of the two sides.
        command: name of the learned command token that starts decoding, shared by problems that name the same;
            unused for class labels.
        metrics: names of the task's metrics beyond loss and accuracy, e.g. ``("bleu",)``.
        options: names and default values of what a user may set by ``--problem_options=name=value``.
        source_help: how to get the corpus, one line, shown when it is missing.
        loss_weight: factor of this problem's loss in joint training.
    """

    name: str
    inputs: InputSpec
    targets: TargetSpec
    command: str = ""
    metrics: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    source_help: str = "give --source_dir=FOLDER"
    loss_weight: float = 1.0

    def __init__(self):
        name = getattr(self, "name", "")
        self.inputs, self.targets = self.inputs.for_problem(name), self.targets.for_problem(name)

    @property
    def output_form(self) -> str:
        """What a person gets: ``"text"``, ``"tree"`` (in brackets) or ``"class"``."""
        return self.targets.form

    @property
    def title(self) -> str:
        """The problem in plain words, the first line of its docstring."""
        return (type(self).__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    @property
    def uses_vocabulary(self) -> bool:
        """Whether a side of the problem is text."""
        return self.inputs.uses_vocabulary or self.targets.uses_vocabulary

    @property
    def record_sides(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Feature name and width of the input and of the target, as `RecordIndex` takes them."""
        feature = self.inputs.record_feature()
        return (feature.name, feature.width), (self.inputs.target_feature, 1)

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Raw examples of one split, in a fixed order.

        Args:
            split: ``"train"``, ``"dev"`` or ``"test"``; a split the corpus lacks yields nothing.
            source: where to read; bad examples go to `source.drop`.

        Yields:
            dicts with ``"inputs"`` and ``"targets"``, raw values as the specs say; further keys that start with
            ``"meta/"`` (str or int) are kept in the record.

        Raises:
            SourceError: the corpus is missing or not in the expected layout.
        """
        raise NotImplementedError

    def label_names(self, source: Source) -> list[str] | None:
        """Names of the classes for people to read, or None."""
        del source
        return None

    def prepare_input(self, value: Any) -> Any:
        """Turns what is given to the decoder, such as a line or a path, into a raw input; text may be tokenised here.

        Raises:
            DecodeError: it is no such input.
        """
        return self.inputs.read(value)

    def prepare_in_graph(self, raw: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        """As `prepare_input`, for an exported model: what comes after reading, by TensorFlow's operations.

        Args:
            raw: tensors by the names of `inputs.raw_signature`.

        Raises:
            ExportError: only `prepare_input` says how inputs are prepared.
        """
        if type(self).prepare_input is not Problem.prepare_input:
            raise ExportError(
                f"problem {self.name} prepares its inputs in Python (prepare_input); write its prepare_in_graph, too"
            )
        return raw

    def prepare_target(self, value: Any) -> Any:
        """Turns a target that is given to be scored, such as a line, into a raw target.

        Raises:
            DecodeError: it is no such target.
        """
        return value

    def present_output(self, tokens: list[str], text: str, inputs: Any) -> str:
        """Turns a decoded target into the line that is printed.

        Args:
            tokens: decoded pieces; tree labels are `vocabulary.Label`.
            text: the same as plain text.
            inputs: the raw input, for outputs that repeat its words.
        """
        del tokens, inputs
        return text

    def count_repairs(self, tokens: list[str], inputs: Any) -> int | None:
        """How many repairs `present_output` made to a malformed output; None where every output is well-formed.

        Args:
            tokens: decoded pieces, as `present_output` takes them.
            inputs: the raw input.
        """
        del tokens, inputs
        return None

    def output_constraint(self, vocabulary: AnyVocabulary) -> OutputConstraint | None:
        """What a search holds outputs to, unless ``constrained=false`` is asked for; None for nothing.

        Args:
            vocabulary: of the target ids.
        """
        del vocabulary
        return None

    def require_source(self, source: Source) -> pathlib.Path:
        """`source.source_dir`, or a SourceError that tells how to get the corpus."""
        if source.source_dir is None:
            raise SourceError(f"problem {self.name} reads a corpus; {self.source_help}")
        if not source.source_dir.is_dir():
            raise SourceError(f"--source_dir={source.source_dir} is no folder; {self.source_help}")
        return source.source_dir


def read_examples(problem: Problem, split: str, source: Source) -> Iterator[dict[str, Any]]:
    """Yields the examples of a split; at its end, says the sums of what was dropped.

    Raises:
        DataError: the training split has no examples; the message names each reason with its first place.
    """
    empty = True
    for example in problem.examples(split, source):
        empty = False
        yield example
    source.finish()
    if empty and split == "train":
        raise DataError(f"{problem.name} has no training examples{source.reasons()}; {problem.source_help}")


def parse_options(problem: Problem, text: str) -> dict[str, Any]:
    """Options of `problem`, its defaults overlaid by ``name=value,name=value``.

    Values take the type of the default. Names of other problems' options are ignored when prefixed
    ``problem.name=value`` with another problem's name.

    Raises:
        MultiModelError: an unknown option or a value of the wrong type.
    """
    from t2t_multimodel.registry import unknown_name_message

    values = dict(problem.options)
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        owner, dot, short = name.rpartition(".")
        if dot and owner != problem.name:
            continue
        if not equals or short not in values:
            if dot or not equals:
                raise MultiModelError(unknown_name_message(f"option of {problem.name}", short, values))
            continue
        values[short] = _parse_value(values[short], value, f"{problem.name}.{short}")
    return values


def _parse_value(default: Any, text: str, name: str) -> Any:
    if isinstance(default, bool):
        if text.lower() in ("true", "1", "yes"):
            return True
        if text.lower() in ("false", "0", "no"):
            return False
        raise MultiModelError(f"option {name}={text} is no boolean; give true or false")
    try:
        return type(default)(text)
    except ValueError:
        raise MultiModelError(f"option {name}={text} is no {type(default).__name__}; give one") from None
