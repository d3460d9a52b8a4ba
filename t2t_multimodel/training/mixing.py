"""What a training gives to its mix of problems: baselines, losses on dev; and what it tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data.input.mixing import ProblemMixer
from t2t_multimodel.data.input.pipeline import ProblemInput
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.runs.metrics_log import is_of_training, read_records
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.baseline import task_baseline
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook

if TYPE_CHECKING:
    from t2t_multimodel.training.trainer import Trainer


def make_mixer(config: TrainConfig, tasks: Mapping[str, Task], inputs: Mapping[str, ProblemInput]) -> ProblemMixer:
    """The mixer of a run.

    Args:
        config: of the run.
        tasks: its problems by name.
        inputs: their training splits by name.

    Raises:
        HParamsError: the hparams of mixing do not fit the problems or one another.
    """
    mixing = config.hparams.mixing
    if mixing.overfit_patience and not config.eval_frequency:
        raise HParamsError(
            "hparam mixing.overfit_patience needs evaluations while training; give --local_eval_frequency, or"
            " mixing.overfit_patience=0"
        )
    baselines = {}
    if mixing.scheme == "relative":
        baselines = {name: task_baseline(task, config.data_dir).training_loss() for name, task in tasks.items()}
    examples = {name: source.examples for name, source in inputs.items()}
    return ProblemMixer(config.problems, examples, mixing, seed=config.seed, baselines=baselines)


class WatchMix(Hook):
    """Tells the mix what evaluations give, and at the end how the batches were divided.

    Args:
        config: of the run.
    """

    def __init__(self, config: TrainConfig):
        self._config = config
        self._trainer: Trainer | None = None

    def begin(self, trainer: Trainer) -> None:
        """Takes up an evaluation that came after the checkpoint: that of a last step, from which the run goes on."""
        self._trainer = trainer
        every = self._config.eval_frequency
        if every and trainer.step and trainer.step % every == 0:
            found = filter(is_of_training, read_records(self._config.output_dir))
            self.evaluated([record for record in found if record["step"] == trainer.step])

    def evaluated(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Gives the losses to the mix; says what changes by them."""
        losses = {record["problem"]: _number(record["loss"]) for record in records if record["split"] == "dev"}
        if losses and self._trainer is not None:
            for line in self._trainer.mixer.observe_dev(records[0]["step"], losses):
                self._trainer.say(line)

    def end(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Says how the batches were divided."""
        del records
        parts = [f"{name} {mix.realised:.1%} ({mix.wanted:.1%})" for name, mix in self._trainer.mixer.mix().items()]
        self._trainer.say(f"batches by problem, and the share wanted: {', '.join(parts)}")


def _number(loss: float | None) -> float:
    return float("nan") if loss is None else loss
