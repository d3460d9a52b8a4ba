"""A trained model as evaluation and decoding take it from a run's folder."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.checkpoint import Checkpointer
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.data import data_vocabulary


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """The weights of one checkpoint and what they serve.

    Attributes:
        manifest: of the run.
        tasks: the problems asked for, in that order.
        vocabulary: of the data folder, or None where no problem has text.
        model: with the checkpoint's weights.
        step: the checkpoint's training step.
    """

    manifest: Manifest
    tasks: list[Task]
    vocabulary: Vocabulary | None
    model: MultiModel
    step: int

    @classmethod
    def load(
        cls,
        output_dir: str | pathlib.Path,
        data_dir: str | pathlib.Path,
        problems: Iterable[str],
        checkpoint: str | None = None,
    ) -> TrainedModel:
        """Restores a run.

        Args:
            output_dir: the training run.
            data_dir: the generated data, for their vocabulary.
            problems: names of problems the model was trained on.
            checkpoint: path of a checkpoint; the newest unless given.

        Raises:
            MultiModelError: no such problem, no checkpoint, or a vocabulary that does not fit.
        """
        manifest = Manifest.load(output_dir)
        tasks = manifest.tasks(problems)
        vocabulary = data_vocabulary(data_dir, [task.problem for task in tasks])
        if vocabulary is not None:
            manifest.check_vocabulary(vocabulary, data_dir)
        model = manifest.make_model()
        state = Checkpointer(output_dir, model=model.named_variables()).restore(checkpoint)
        return cls(manifest, tasks, vocabulary, model, int(state["step"]))
