"""The devices of this process, for work that differs from one to the next."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import tensorflow as tf

Result = TypeVar("Result")


class LocalDevices:
    """The replicas of a strategy that live in this process.

    `Strategy.run` gives all replicas one program. Where each does something else, e.g. trains a problem of its own, it
    calls functions that are bound to one device. A TPU counts as one device: what is bound runs on its host.

    Args:
        strategy: devices of the training.

    Attributes:
        replicas: ids of this process' replicas among all, in order.
        count: number of the replicas of all processes.

    Example:
        devices = LocalDevices(tf.distribute.get_strategy())
        devices.run([lambda: 1 + 1])  # [2]
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        on_tpu = isinstance(strategy, tf.distribute.TPUStrategy)
        self.count = 1 if on_tpu else strategy.num_replicas_in_sync
        self._names = strategy.extended.worker_devices if self.count > 1 else (None,)
        self.replicas = [0]
        if self.count > 1:
            ids = strategy.experimental_distribute_values_from_function(
                lambda context: context.replica_id_in_sync_group
            )
            self.replicas = [int(replica) for replica in strategy.experimental_local_results(ids)]
        self._wanted = True
        self._threads = ThreadPoolExecutor(len(self._names)) if len(self._names) > 1 else None

    def __len__(self):
        return len(self._names)

    def bind(self, function: Callable[..., Result], place: int) -> Callable[..., Result]:
        """A `tf.function` with an input signature that reads and writes the variables of one device.

        Args:
            function: not yet traced.
            place: of the device among those of this process.
        """
        with self._scope(place):
            function.get_concrete_function()

        def call(*args):
            with self._scope(place):
                return function(*args)

        return call

    @contextlib.contextmanager
    def _scope(self, place: int) -> Iterator[None]:
        if self.count == 1:
            yield
            return
        with self._strategy.scope(), tf.device(self._names[place]):
            yield

    def variables(self, variables: Sequence[tf.Variable], place: int) -> list[tf.Variable]:
        """The copies of variables that one device holds."""
        return [self._strategy.experimental_local_results(variable)[place] for variable in variables]

    def run(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Calls functions, one for each device of this process, side by side.

        Args:
            calls: functions without arguments, in the order of `replicas`.

        Returns:
            what they give.
        """

        self._wanted = True
        try:
            return list((self._threads.map if self._threads else map)(lambda call: call(), calls))
        except BaseException:
            self._wanted = False
            raise

    def while_wanted(self, items: Iterable[Result]) -> Iterator[Result]:
        """Items for one of the calls of `run`; they end early where another call failed, or a signal came."""
        return itertools.takewhile(lambda item: self._wanted, items)

    def per_replica(self, values: Sequence[Any]) -> Any:
        """What `Strategy.run` takes as one argument: a value for each replica of this process.

        Args:
            values: nests of tensors, in the order of `replicas`.
        """
        at = dict(zip(self.replicas, values, strict=True))
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: at[int(context.replica_id_in_sync_group)]
        )
