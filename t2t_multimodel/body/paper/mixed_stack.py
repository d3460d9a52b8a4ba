"""A stack of blocks with a mixture of experts in its middle."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.body.cache import Cache, CachedParts, with_cache
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.mixture import MixtureOfExperts
from t2t_multimodel.layers.seeds import Seed, as_stream


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MixedStack(ExplicitMaskLayer):
    """Runs `blocks` in order and a mixture of experts after the first half of them.

    Args:
        blocks: layers `[batch, time, depth] -> [batch, time, depth]` of different names, called with `mask`,
            `training` and `seed`, and where they are given with `source`, `source_mask` and `cache`.
        mixture: arguments of `MixtureOfExperts`, or None for no mixture.

    Call arguments:
        x: `[batch, time, depth]`.
        source: `[batch, source_time, depth]`, or None.
        mask: `[batch, time]`, true at real positions, or None; padding reaches no expert.
        source_mask: `[batch, source_time]`, or None.
        training: turns dropout and gate noise on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `x` holds new positions alone.

    Returns:
        `[batch, time, depth]`, the mixture's balance loss (scalar) and load `[experts]` (`[0]` without a mixture); with
        a cache also the next cache.

    Example:

        from t2t_multimodel.layers.conv_block import ConvBlock

        blocks = [ConvBlock(8, name=f"block_{i}") for i in range(2)]
        stack = MixedStack(blocks, {"num_experts": 4, "hidden": 16, "k": 2})
        y, loss, load = stack(tf.random.normal([2, 5, 8]))

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.4.
    """

    def __init__(self, blocks: list[keras.layers.Layer], mixture: dict[str, Any] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.blocks, self._mixture_config = list(blocks), mixture
        self.mixture = MixtureOfExperts(**mixture, dtype=self.dtype_policy, name="mixture") if mixture else None

    def build(self, x_shape, source_shape=None):
        """Builds blocks and mixture."""
        for layer in self._parts():
            layer.build(x_shape)
        self.built = True

    def _parts(self) -> list[keras.layers.Layer]:
        middle = len(self.blocks) // 2
        mixture = [] if self.mixture is None else [self.mixture]
        return [*self.blocks[:middle], *mixture, *self.blocks[middle:]]

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The caches of blocks and mixture by their names; the layer must be built."""
        given = {} if source is None else {"source": source}
        return {
            part.name: part.init_cache(batch_size, max_length, **({} if part is self.mixture else given))
            for part in self._parts()
        }

    def call(
        self,
        x: tf.Tensor,
        source: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        run, loss, load = CachedParts(cache), tf.zeros([], tf.float32), tf.zeros([0], tf.float32)
        common = {"mask": mask, "training": training, "seed": as_stream(seed)}
        given = {"source": source, "source_mask": source_mask}
        given = {name: value for name, value in given.items() if value is not None}
        for part in self._parts():
            if part is self.mixture:
                x, loss, load = run(part, x, **common)
            else:
                x = run(part, x, **common, **given)
        return run.results(x, loss, load)

    def compute_output_shape(self, x_shape, source_shape=None, cache_shape=None):
        """Shapes of the three results; with a cache also that of the cache."""
        load = (0 if self.mixture is None else self.mixture.num_experts,)
        return with_cache((x_shape, (), load), cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        blocks = [keras.saving.serialize_keras_object(block) for block in self.blocks]
        for (
            block
        ) in blocks:  # the restored stack builds its blocks, so that their variables have its name in their paths
            block.pop("build_config", None)
        return {**super().get_config(), "blocks": blocks, "mixture": self._mixture_config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MixedStack:
        """A stack of the same blocks, not built."""
        blocks = [keras.saving.deserialize_keras_object(block) for block in config["blocks"]]
        return cls(**{**config, "blocks": blocks})
