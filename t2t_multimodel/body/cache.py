"""The cache of incremental decoding: a nest of dicts of tensors, batch first on every leaf."""

from __future__ import annotations

from typing import Any

import keras

Cache = dict[str, Any]


def reorder_flags(cache: Cache) -> Cache:
    """Which leaves a beam search must reorder when rows change their order.

    Keys and values of the source are the same for all beams of a row; all other leaves depend on what was decoded.

    Args:
        cache: of a layer's `init_cache`.

    Returns:
        The same nest with True where rows must be gathered, and False for the source's keys and values.

    Example:

        flags = reorder_flags({"source_keys": tf.zeros([2, 1, 5, 4]), "timing": {"position": tf.zeros([2])}})
        # {"source_keys": False, "timing": {"position": True}}
    """
    return {
        name: reorder_flags(part) if isinstance(part, dict) else not is_of_source(name) for name, part in cache.items()
    }


def is_of_source(name: str) -> bool:
    """Whether a leaf of that name belongs to the source: one row an input, however many beams it has.

    Example:

        is_of_source("source_keys")  # True
    """
    return name.startswith("source_")


class CachedParts:
    """Runs the parts of a layer: each gets its cache by its name, and the next caches are collected.

    Args:
        cache: of the layer, or None for a whole pass.

    Example:

        from t2t_multimodel.layers.conv_step import ConvStep

        step = ConvStep(4, 3, padding="causal", name="step")
        step.build((None, None, 4))
        run = CachedParts({"step": step.init_cache(batch_size=2)})
        y, cache = run.results(run(step, tf.ones([2, 1, 4])))
    """

    def __init__(self, cache: Cache | None):
        self._cache, self._after = cache, {}

    def __call__(self, layer: keras.layers.Layer, *inputs, **call):
        """What the layer returns, without the cache."""
        if self._cache is None:
            return layer(*inputs, **call)
        *results, self._after[layer.name] = layer(*inputs, cache=self._cache[layer.name], **call)
        return results[0] if len(results) == 1 else tuple(results)

    def results(self, *results):
        """What the whole layer returns: `results`, and with a cache also the next cache."""
        results = results if self._cache is None else (*results, self._after)
        return results[0] if len(results) == 1 else results


def with_cache(shapes: tuple, cache_shape: Cache | None):
    """Shapes of all results for `compute_output_shape`: those given, and with a cache also that of the cache."""
    shapes = shapes if cache_shape is None else (*shapes, cache_shape)
    return shapes[0] if len(shapes) == 1 else shapes
