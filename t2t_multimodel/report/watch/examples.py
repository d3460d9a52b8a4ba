"""A few fixed examples of every problem, decoded at each evaluation, in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_split
from t2t_multimodel.report.collect import show_examples
from t2t_multimodel.report.problem_report import ShownExample
from t2t_multimodel.report.watch.summaries import write_example
from t2t_multimodel.runs.load import LoadedRun, task_label_names
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.loop.hook import Hook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


class DecodedExamples(Hook):
    """Shows inputs, outputs of greedy search, references and attention in TensorBoard at each evaluation.

    It takes the first inputs of each dev split. A problem that cannot be decoded is told once; training goes on.

    Args:
        count: examples of each problem.

    Example:
        train(config, hooks=[DecodedExamples(2)])
    """

    def __init__(self, count: int):
        self._count = count
        self._trainer: Trainer | None = None
        self._failed: set[str] = set()
        self._inputs_shown: set[str] = set()

    def begin(self, trainer: Trainer) -> None:
        """Notes what is decoded."""
        self._trainer = trainer if trainer.workers.chief else None

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Decodes and writes the examples."""
        if self._trainer is None:
            return
        for task in self._trainer.evaluated:
            if task.name in self._failed:
                continue
            try:
                self._show(task)
            except Exception as error:  # whatever a problem of the user's raises: a training does not end for a picture
                self._failed.add(task.name)
                print_warning(f"examples of {task.name} are not shown ({error}); training goes on")

    def _show(self, task: Task) -> None:
        examples = self._examples(task)
        with self._trainer.events.at(self._trainer.step):
            for number, example in enumerate(examples, start=1):
                write_example(f"{task.name}/{number}", example, inputs=task.name not in self._inputs_shown)
        self._inputs_shown.add(task.name)

    def _examples(self, task: Task) -> list[ShownExample]:
        trainer, problem = self._trainer, task.problem
        labels = task_label_names(trainer.config.output_dir, [task])
        run = LoadedRun(trainer.manifest, [task], trainer.vocabulary, labels, trainer.model, trainer.step)
        index = RecordIndex.load_or_build(trainer.config.data_dir, task.name, "dev", sides=problem.record_sides)
        search = ProblemSearch(trainer.model, task, vocabulary=trainer.vocabulary)
        decoded = decode_split(
            search, trainer.vocabulary, index, limit=self._count, label_names=labels.get(task.name, ())
        )
        return show_examples(run, task, index, decoded, [one.score for one in decoded])
