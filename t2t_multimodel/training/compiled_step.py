"""A train step that XLA compiles, once for each shape of batches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable, Mapping

import tensorflow as tf

Step = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


class CompiledStep:
    """Calls a step by its XLA program: forward pass, gradients and update of the weights in one.

    The first batch of a shape waits until its program is compiled, which a line on stderr says.

    Args:
        step: `step(batch, command, weight, step)`, traceable in static shapes.

    Example:
        step = CompiledStep(lambda batch, command, weight, step: {"loss": tf.reduce_mean(batch["inputs"]) * weight})
        step({"inputs": tf.ones([2, 3])}, tf.constant(0), tf.constant(1.0), tf.constant(0, tf.int64))
    """

    def __init__(self, step: Step):
        self.function = tf.function(step, autograph=False, jit_compile=True)
        self._programs: dict[Hashable, Callable[..., dict[str, tf.Tensor]]] = {}

    def __call__(
        self, batch: Mapping[str, tf.Tensor], command: tf.Tensor, weight: tf.Tensor, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        arguments = dict(batch), command, weight, step
        shape = tuple((name, tuple(value.shape)) for name, value in sorted(batch.items()))
        if shape in self._programs:
            return self._programs[shape](*arguments)
        shown = ", ".join(f"{name} {list(size)}" for name, size in shape if name in ("inputs", "targets"))
        print(f"XLA compiles the step for {shown}", file=sys.stderr, flush=True)
        start = time.monotonic()
        # A call of `function` itself would warn of many shapes.
        self._programs[shape] = self.function.get_concrete_function(*arguments)
        result = self._programs[shape](*arguments)
        print(f"compiled in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        return result

    def experimental_get_tracing_count(self) -> int:
        """How many shapes were compiled, under the name that a `tf.function` has for it."""
        return len(self._programs)
