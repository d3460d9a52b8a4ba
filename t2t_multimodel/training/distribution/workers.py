"""Several processes that train together: one of them, the chief, writes; all stop after the same step."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.loop.stop import StopOnSignal


class Workers:
    """The processes of a strategy; made by each of them.

    Args:
        strategy: devices of the training.

    Attributes:
        count: number of processes.
        chief: whether this one writes the run's files and reports.

    Example:
        workers = Workers(tf.distribute.get_strategy())
        workers.count, workers.chief  # 1, True
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec().as_dict() if resolver is not None else {}
        self.count = max(1, sum(len(cluster.get(kind, ())) for kind in ("chief", "worker")))
        first = "chief" if "chief" in cluster else "worker"
        self.chief = self.count == 1 or (resolver.task_type == first and resolver.task_id == 0)

    @property
    def alone(self) -> bool:
        """Whether there is one process only."""
        return self.count == 1

    def total(self, value: float | np.ndarray) -> np.ndarray:
        """The sum of what each process gives, float64; all wait for it.

        Args:
            value: of this process, a number or an array.
        """
        value = np.asarray(value, np.float64)
        if self.alone:
            return value
        per_replica = self._strategy.run(self._constant, args=(tf.constant(value),))
        total = self._strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None).numpy()
        return total * self.count / self._strategy.num_replicas_in_sync

    @tf.function(autograph=False)
    def _constant(self, value: tf.Tensor) -> tf.Tensor:
        return tf.identity(value)

    @contextlib.contextmanager
    def needed(self, output_dir: str) -> Iterator[None]:
        """The block that goes on only while all workers do.

        Args:
            output_dir: the run folder.

        Raises:
            TrainingError: a worker went away.
        """
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            if self.alone:
                raise
            raise TrainingError(
                "another worker went away; start all workers again, and they go on from the newest checkpoint in"
                f" {output_dir}"
            ) from error

    def check_step(self, step: int) -> None:
        """Checks that all processes begin at the same step.

        Raises:
            TrainingError: they do not.
        """
        if self.total(step) != step * self.count:
            raise TrainingError(
                f"this worker begins at step {step}, others elsewhere; give all workers one shared --output_dir"
            )


class StopTogether:
    """An action that ends all processes' runs after the step in which one of them got a signal.

    Args:
        stop: of this process.
        workers: the processes.

    Example:
        controller.run(1000, [StopTogether(stop, workers)])
    """

    def __init__(self, stop: StopOnSignal, workers: Workers):
        self._stop, self._workers = stop, workers

    def __call__(self, output: StepOutput) -> bool:
        """Whether a signal arrived anywhere."""
        if not self._workers.total(float(self._stop(output))):
            return False
        self._stop.signal = self._stop.signal or signal.SIGTERM
        return True
