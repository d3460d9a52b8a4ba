"""A trained model, read from its run's folder alone."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

from t2t_multimodel.data.data_folder import data_vocabulary
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.errors import VocabularyError
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.assets import load_label_names, run_vocabulary
from t2t_multimodel.runs.checkpoint import Checkpointer, has_checkpoints, require_checkpoints
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.runs.rounded_weights import has_rounded_weights, restore_rounded_weights
from t2t_multimodel.runs.selection.checkpoint_names import find_checkpoint
from t2t_multimodel.runs.task import Task


@dataclasses.dataclass(frozen=True)
class LoadedRun:
    """The weights of one checkpoint and all that is needed to use them.

    Attributes:
        manifest: of the run.
        tasks: the problems asked for, in that order.
        vocabulary: of the model, or None where no problem has text.
        label_names: class names of each task whose targets are classes; numbers where the data had no names.
        model: with the checkpoint's weights.
        step: the checkpoint's training step.
        rounded: the folder holds rounded weights to give away; nothing is written to it.
        weights: ``"average"`` or ``"ema"`` where these are not the step's weights themselves, else "".
    """

    manifest: Manifest
    tasks: list[Task]
    vocabulary: AnyVocabulary | None
    label_names: dict[str, list[str]]
    model: MultiModel
    step: int
    rounded: bool = False
    weights: str = ""


def load_run(
    output_dir: str | pathlib.Path, *, problems: Iterable[str] | None = None, checkpoint: str | None = None
) -> LoadedRun:
    """Restores a trained model from its folder; the data it was trained on are not needed.

    A folder without checkpoints may hold rounded weights (`runs.rounded_weights`).

    Args:
        output_dir: the training run.
        problems: names of problems that the model was trained on; all of them by default.
        checkpoint: path of a checkpoint, of one of its files, or of a folder, or a name of
            `selection.checkpoint_names`; the newest whole one by default.

    Raises:
        MultiModelError: the folder is no complete run, or the model was not trained on a problem.

    Example:
        run = load_run("runs/mini", problems=["mini_parsing"])
        print(run.step, run.vocabulary.size)
    """
    manifest = Manifest.load(output_dir)
    tasks = manifest.tasks(manifest.problems if problems is None else problems)
    found = find_checkpoint(output_dir, checkpoint)
    newest = found.path is None
    rounded = newest and not found.averaged and has_rounded_weights(output_dir) and not has_checkpoints(output_dir)
    if newest and not rounded:
        require_checkpoints(output_dir)
    vocabulary = run_vocabulary(output_dir, manifest.vocab_fingerprint)
    label_names = task_label_names(output_dir, tasks)
    model = manifest.make_model()
    variables = model.named_variables()
    if rounded:
        step = restore_rounded_weights(output_dir, variables)
    else:
        reader = Checkpointer(output_dir, model=variables, averaged=found.averaged)
        step = int(reader.restore(found.path)["step"])
    return LoadedRun(manifest, tasks, vocabulary, label_names, model, step, rounded, found.name)


def check_vocabulary(manifest: Manifest, data_dir: str | pathlib.Path, tasks: Iterable[Task]) -> None:
    """Checks that data were generated with the model's vocabulary.

    Args:
        manifest: of the run.
        data_dir: the data.
        tasks: the problems whose data will be read.

    Raises:
        DataError: the folder does not exist.
        VocabularyError: the data have another vocabulary, or none.
    """
    vocabulary = data_vocabulary(data_dir, [task.problem for task in tasks])
    if vocabulary is not None and vocabulary.fingerprint != manifest.vocab_fingerprint:
        raise VocabularyError(
            f"the vocabulary in {data_dir} ({vocabulary.fingerprint}) is not the one the model was trained with"
            f" ({manifest.vocab_fingerprint}); give the --data_dir of the training"
        )


def task_label_names(output_dir: str | pathlib.Path, tasks: Iterable[Task]) -> dict[str, list[str]]:
    """Class names of each task whose targets are classes, from its run's folder; numbers where it has none."""
    stored = load_label_names(output_dir)
    classes = {task.name: task.problem.targets for task in tasks if not task.problem.targets.autoregressive}
    return {
        name: stored.get(name) or [str(number) for number in range(spec.num_ids(0))] for name, spec in classes.items()
    }
