"""The paper's convolutional block: four steps with two residual connections."""

from __future__ import annotations

import functools

import keras
import tensorflow as tf

from t2t_multimodel.kernels.conv_block import BlockForm, conv_block
from t2t_multimodel.layers.conv_step import ConvStep
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer


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
        branch_scale: what the scale of the normalisation that ends each residual branch starts at: 1, or less for a
            block that starts nearer to the identity.
        second_skip: "input" or "hidden", where the second residual connection starts.
        recompute: the gradient runs the block forward again instead of keeping what is between; float32 only.

    Call arguments:
        x: `[batch, time, filters]`.
        mask: `[batch, time]`, True or 1 where real, or None.
        rng: `StepRandom` in training, None in inference.

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

    def build(self, input_shape):
        """Builds the four steps."""
        if input_shape[-1] != self.filters:
            raise ValueError(f"residual block of depth {self.filters} got an input of depth {input_shape[-1]}")
        for step in self.steps:
            step.build(input_shape)
        self.built = True

    def call(self, x, mask=None, rng=None):
        """Returns `[batch, time, filters]`; at padding the values are finite but mean nothing."""
        if not all(step.can_fuse for step in self.steps):
            return self._call_plain(x, mask, rng)
        weights = [tf.convert_to_tensor(weight) for step in self.steps for weight in step.fused_weights]
        seed = rng.next() if rng is not None and self.dropout else None
        return conv_block(self._form, x, mask, seed, weights)

    def _call_plain(self, x, mask, rng):
        first, second, third, fourth = (functools.partial(step, mask=mask) for step in self.steps)
        hidden = x + second(first(x))
        skip = x if self.second_skip == "input" else hidden
        return self.drop(skip + fourth(third(hidden)), rng=rng)

    def compute_output_shape(self, input_shape):
        """Shape of the input."""
        return input_shape

    def get_config(self):
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
