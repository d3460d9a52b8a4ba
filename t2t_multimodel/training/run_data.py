"""What a training run reads, and the model it trains."""

from __future__ import annotations

import contextlib
import dataclasses

import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.data import storage
from t2t_multimodel.data.data_folder import data_vocabulary
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.errors import HParamsError, TrainingError
from t2t_multimodel.mesh.experts import ExpertMesh
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.checkpoint import has_checkpoints
from t2t_multimodel.runs.manifest import FILE, Manifest, new_manifest
from t2t_multimodel.runs.rounded_weights import has_rounded_weights
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.freeze import freeze
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.optimizers.make import make_optimizer


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunData:
    """What a run reads.

    Attributes:
        vocabulary: of the data folder, or None where no problem has text.
        manifest: of the run: a new one, or that of the run that continues with what this session adds.
        tasks: the problems of this session by name.
        inputs: their training splits by name.
    """

    vocabulary: AnyVocabulary | None
    manifest: Manifest
    tasks: dict[str, Task]
    inputs: dict[str, ProblemInput]


def read_data(config: TrainConfig) -> RunData:
    """Opens the data of a run and finds out which model it trains.

    Raises:
        MultiModelError: data, vocabulary and the run in `output_dir` do not fit together.
    """
    if has_rounded_weights(config.output_dir) and not has_checkpoints(config.output_dir):
        raise TrainingError(
            f"{config.output_dir} holds rounded weights alone, which cannot be trained on; give a new --output_dir"
        )
    if not config.hparams.batching.batch_tokens:
        raise HParamsError("hparam batching.batch_tokens=0 is a wish for `train` to find it; give a number here")
    problems = [registry.problem(name) for name in config.problems]
    vocabulary = data_vocabulary(config.data_dir, problems)
    manifest = new_manifest(config.hparams, problems, vocabulary, config.seed)
    if (storage.at(config.output_dir) / FILE).exists():
        manifest = Manifest.load(config.output_dir).merged(manifest)
    tasks = {task.name: task for task in manifest.tasks(config.problems)}
    inputs = {
        name: ProblemInput(
            task.problem, config.data_dir, "train", config.hparams, seed=config.seed, strict=config.strict
        )
        for name, task in tasks.items()
    }
    return RunData(vocabulary=vocabulary, manifest=manifest, tasks=tasks, inputs=inputs)


def build_model(
    manifest: Manifest, strategy: tf.distribute.Strategy, mesh: ExpertMesh | None = None
) -> tuple[MultiModel, Optimizer]:
    """The run's model and its optimizer, with initial values, on the devices of `strategy`, the experts on `mesh`.

    Raises:
        HParamsError: a pattern of `optimizer.freeze` or `optimizer.rate_factors` matches nothing, or all is frozen.
    """
    with strategy.scope(), mesh.scope() if mesh else contextlib.nullcontext():
        model = manifest.make_model()
        freeze(model, manifest.hparams.optimizer.freeze)
        return model, make_optimizer(model.named_variables(trainable=True), manifest.hparams.optimizer)
