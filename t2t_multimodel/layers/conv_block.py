"""The paper's convolutional block: four steps with two residual connections."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel.kernels.conv_block import BlockForm, conv_block
from t2t_multimodel.layers.conv_step import ConvStep
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed
from t2t_multimodel.layers.separable_conv import Cache


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class ConvBlock(ExplicitMaskLayer):
    """Four convolution steps and two residual connections.

        h1 = ConvStep(x);  h2 = x + ConvStep(h1);  h3 = ConvStep(h2);  h4 = skip + ConvStep(h3)

    with skip = x ("input", the paper) or h2 ("hidden", Tensor2Tensor), and dropout on h4.

    Args:
        filters: depth of input and output.
        kernel_sizes: taps of the four steps.
        dilations: dilations of the four steps.
        padding: "same" or "causal".
        dropout: rate of the dropout on h4; the paper trains with 0.4.
        branch_scale: initial scale of the normalization that ends each residual branch: 1, or less for a block that
            starts nearer to the identity.
        second_skip: "input" or "hidden", where the second residual connection starts.
        recompute: the gradient runs the block forward again and keeps nothing but its input.

    Call arguments:
        x: `[batch, time, filters]`.
        mask: `[batch, time]`, True or 1 where real, or None.
        training: turns dropout on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `x` holds new positions alone. For padding "causal".

    Returns:
        `[batch, time, filters]`, at padding finite but without a meaning; with a cache also the next cache.

    Example:

        block = ConvBlock(8, padding="causal", dropout=0.4)
        x = tf.random.normal([2, 20, 8])
        y = block(x)  # [2, 20, 8]
        trained = block(x, training=True, seed=tf.constant([1, 2]))
        first, cache = block(x[:, :1], cache=block.init_cache(batch_size=2))  # equals y[:, :1]

    Reference: Kaiser et al., "One Model To Learn Them All", 2017, section 2.1.
    """

    def __init__(
        self,
        filters: int,
        kernel_sizes: tuple[int, int, int, int] = (3, 3, 15, 15),
        dilations: tuple[int, int, int, int] = (1, 1, 1, 8),
        padding: str = "same",
        dropout: float = 0.0,
        second_skip: str = "input",
        branch_scale: float = 1.0,
        recompute: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if second_skip not in ("input", "hidden"):
            raise ValueError(f"second_skip {second_skip!r} is unknown; use 'input' or 'hidden'")
        if len(kernel_sizes) != 4 or len(dilations) != 4:
            raise ValueError(f"a block has 4 steps; got kernel_sizes {kernel_sizes} and dilations {dilations}")
        self.filters = filters
        self.kernel_sizes = tuple(kernel_sizes)
        self.dilations = tuple(dilations)
        self.padding = padding
        self.dropout = dropout
        self.second_skip = second_skip
        self.branch_scale = branch_scale
        self.recompute = recompute
        scales = (1.0, branch_scale, 1.0, branch_scale)
        self.steps = [
            ConvStep(filters, size, dilation, padding, scale, dtype=self.dtype_policy, name=f"step_{index}")
            for index, (size, dilation, scale) in enumerate(zip(self.kernel_sizes, self.dilations, scales))
        ]
        self.drop = Dropout(dropout, dtype=self.dtype_policy, name="drop")
        self._form = BlockForm(
            self.kernel_sizes, self.dilations, padding, second_skip, dropout, self.steps[0].norm.epsilon, recompute
        )

    def build(self, x_shape):
        """Builds the four steps."""
        if x_shape[-1] != self.filters:
            raise ValueError(f"residual block of depth {self.filters} got an input of depth {x_shape[-1]}")
        for step in self.steps:
            step.build(x_shape)
        self.built = True

    def init_cache(self, batch_size: int | tf.Tensor, max_length: int | None = None) -> Cache:
        """The caches of the four steps, ``step_0`` to ``step_3``; the layer must be built."""
        return {step.name: step.init_cache(batch_size) for step in self.steps}

    def call(
        self,
        x: tf.Tensor,
        mask: tf.Tensor | None = None,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        if cache is not None:
            y, cache = self._step(x, mask, cache)
            return self.drop(y, training=training, seed=seed), cache
        weights = [tf.convert_to_tensor(weight) for step in self.steps for weight in step.step_weights]
        return conv_block(self._form, x, mask, self.drop.draw(training, seed), weights)

    def _step(self, x, mask, cache):
        after = {}

        def step(i, x):
            layer = self.steps[i]
            y, after[layer.name] = layer(x, mask=mask, cache=cache[layer.name])
            return y

        hidden = x + step(1, step(0, x))
        skip = x if self.second_skip == "input" else hidden
        return skip + step(3, step(2, hidden)), after

    def compute_output_shape(self, x_shape, cache_shape=None):
        """Shape of the input; with a cache also that of the cache."""
        return x_shape if cache_shape is None else (x_shape, cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_sizes": self.kernel_sizes,
            "dilations": self.dilations,
            "padding": self.padding,
            "dropout": self.dropout,
            "second_skip": self.second_skip,
            "branch_scale": self.branch_scale,
            "recompute": self.recompute,
        }
