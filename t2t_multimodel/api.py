"""What the package offers in Python: generate data, train, load a run. The commands call these same functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel import demo, paths, registry

if TYPE_CHECKING:
    from t2t_multimodel.trained_model import TrainedModel


def generate_data(
    problem: str | Sequence[str],
    *,
    data_dir: str | os.PathLike,
    source_dir: str | os.PathLike | Mapping[str, str | os.PathLike] | None = None,
    **options: Any,
) -> list[Any]:
    """Makes shards, vocabulary and metadata of problems, as t2t-datagen does; what is complete is left as it is.

    Args:
        problem: a problem, a suite, a comma-separated list, or a sequence of names.
        data_dir: where shards, vocabulary and metadata go.
        source_dir: the raw corpora: one folder for all problems, or a folder for each by its name.
        options: further arguments of `data.generation.engine.generate`, such as ``seed``, ``num_shards`` and
            ``options="train_examples=100"``.

    Returns:
        the `Metadata` of each problem.

    Raises:
        MultiModelError: a corpus is missing, data made otherwise are in the way, ...

    Example:

        t2t_multimodel.generate_data("mini", data_dir="data")
    """
    from t2t_multimodel.data.generation import engine

    return engine.generate(_names(problem), data_dir, source_dir=source_dir, **options)


def train(
    problem: str | Sequence[str],
    *,
    data_dir: str | os.PathLike,
    output_dir: str | os.PathLike,
    train_steps: int,
    hparams_set: str = "multimodel_base",
    hparams: str = "",
    actions: Sequence[Callable[..., Any]] = (),
    hooks: Sequence[Any] = (),
    **options: Any,
) -> list[dict[str, Any]]:
    """Trains one model on problems, or continues the run in `output_dir`, as t2t-trainer does.

    Args:
        problem: a problem, a suite, a comma-separated list, or a sequence of names.
        data_dir: the generated data.
        output_dir: the run folder.
        train_steps: the last step.
        hparams_set: a registered set.
        hparams: overrides, ``group.name=value,...``.
        actions: called after each step with a `training.loop.controller.StepOutput`; where one gives True, training
            ends.
        hooks: take part in the training, see `training.loop.hook.Hook`.
        options: further fields of `training.config.TrainConfig`, such as ``seed`` and ``eval_frequency``.

    Returns:
        the records of the last evaluation.

    Raises:
        MultiModelError: data, vocabulary, hparams or checkpoint do not fit.

    Example:

        t2t_multimodel.train("mini", hparams_set="multimodel_mini", data_dir="data", output_dir="run", train_steps=2000)
    """
    from t2t_multimodel.report.watch.hooks import watching_hooks
    from t2t_multimodel.training.config import TrainConfig
    from t2t_multimodel.training.trainer import train as run_training

    if source := options.get("warm_start_from"):
        options["warm_start_from"] = demo.run_folder() if source == demo.NAME else paths.resolve(source)
    config = TrainConfig(
        problems=tuple(_names(problem)),
        hparams=registry.hparams(hparams_set).override(hparams).check(),
        data_dir=paths.resolve(data_dir),
        output_dir=paths.resolve(output_dir),
        train_steps=train_steps,
        **options,
    )
    paths.check_input_folder(config.data_dir, "data_dir")
    paths.check_output_folder(config.output_dir, "output_dir")
    return run_training(config, actions=actions, hooks=[*watching_hooks(config), *hooks])


def load(output_dir: str | os.PathLike, *, checkpoint: str | os.PathLike | None = None) -> TrainedModel:
    """The trained model of a run folder; nothing but the folder is needed.

    Args:
        output_dir: a run folder of t2t-trainer, perhaps copied from elsewhere; or ``"demo"``, the small model that the
            package brings (``"./demo"`` is a folder of that name).
        checkpoint: ``"best"``, ``"latest"``, ``"average"``, ``"ema"``, or the path of a checkpoint; the newest unless
            given.

    Raises:
        CheckpointError: there is no run, no checkpoint, or they do not fit.

    Example:

        model = t2t_multimodel.load("run")
        print(model.problems, model.step)
    """
    from t2t_multimodel.runs.load import load_run
    from t2t_multimodel.trained_model import TrainedModel

    folder = demo.run_folder() if output_dir == demo.NAME else paths.resolve(output_dir)
    paths.check_input_folder(folder, "output_dir")
    return TrainedModel(load_run(folder, checkpoint=paths.resolve(checkpoint) if checkpoint else None))


def _names(problem: str | Sequence[str]) -> list[str]:
    return registry.expand_problems(problem if isinstance(problem, str) else ",".join(problem))
