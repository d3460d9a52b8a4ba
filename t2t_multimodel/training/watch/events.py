"""The TensorBoard events of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from t2t_multimodel.data.console import print_warning


class Events:
    """Writes TensorBoard events; the file is made at the first of them.

    Args:
        folder: of the events, or None: nothing is written.

    Example:
        events = Events("run/events")
        with events.at(100):
            tf.summary.scalar("loss/mini_parsing", 1.5)
    """

    def __init__(self, folder: str | None):
        self._folder = folder
        self._writer: tf.summary.SummaryWriter | None = None
        self._told = False

    @contextlib.contextmanager
    def at(self, step: int) -> Iterator[None]:
        """The block in which `tf.summary` writes events of a step.

        Events that cannot be written, e.g. on a full disk, are told once, and training goes on.
        """
        try:
            if self._writer is None:
                make = tf.summary.create_noop_writer if self._folder is None else tf.summary.create_file_writer
                self._writer = make() if self._folder is None else make(self._folder)
            with self._writer.as_default(step=step):
                yield
            self._writer.flush()
        except tf.errors.OpError as error:
            if not self._told:
                self._told = True
                print_warning(f"TensorBoard's events are not written ({error.message[:200]}); training goes on")
