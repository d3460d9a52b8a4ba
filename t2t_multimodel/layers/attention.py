"""Multi-head scaled dot-product attention."""

from __future__ import annotations

import keras
import tensorflow as tf

from t2t_multimodel.kernels.products import last_axis_product, reshape_like
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.rng import StepRandom

# Finite, so that a row with nothing to attend to gives numbers (an even average) and no NaN.
_MASKED = -1e9


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MultiHeadAttention(keras.layers.Layer):
    """Attends from `query` to `memory`, or to itself; no biases, queries scaled by head_depth^-0.5.

    Queries, keys and values have a kernel each: on a CPU one fused product is no faster, and its parts would have to
    be cut out and, in the gradient, put together again.

    Args:
        num_heads: number of heads; divides `depth`.
        depth: depth of queries, keys and values over all heads, and of the output.
        dropout: rate of the dropout on the attention weights.

    Call arguments:
        query: `[batch, query_time, query_depth]`.
        memory: `[batch, memory_time, memory_depth]`, or None for self-attention.
        memory_mask: `[batch, memory_time]` (of the query in self-attention), True or 1 where real, or None.
        causal: position t attends to positions <= t only; for self-attention.
        rng: `StepRandom` in training, None in inference.

    Reference: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, num_heads: int, depth: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        if depth % num_heads:
            raise ValueError(f"depth {depth} is not a multiple of {num_heads} heads; change one of the two")
        self.num_heads = num_heads
        self.depth = depth
        self.dropout = dropout
        self.drop = Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, query_shape, memory_shape=None):
        """Creates `query_kernel`, `key_kernel`, `value_kernel` `[depth of input, depth]` and `output_kernel`."""
        memory_depth = (memory_shape or query_shape)[-1]
        self.query_kernel = self._kernel("query_kernel", query_shape[-1])
        self.key_kernel = self._kernel("key_kernel", memory_depth)
        self.value_kernel = self._kernel("value_kernel", memory_depth)
        self.output_kernel = self._kernel("output_kernel", self.depth)
        self.built = True

    def _kernel(self, name: str, depth: int):
        return self.add_weight(name=name, shape=(depth, self.depth), initializer="glorot_uniform")

    def call(self, query, memory=None, memory_mask=None, causal: bool = False, rng: StepRandom | None = None):
        """Returns `[batch, query_time, depth]`."""
        memory = query if memory is None else memory
        # Scaling the kernel costs less than scaling the queries or the logits.
        scaled = tf.convert_to_tensor(self.query_kernel) * (self.depth // self.num_heads) ** -0.5
        queries = self._heads(query, scaled)
        keys = self._heads(memory, self.key_kernel)
        values = self._heads(memory, self.value_kernel)
        logits = tf.matmul(queries, keys, transpose_b=True)  # [batch, heads, query_time, memory_time]
        logits = tf.cast(logits, tf.float32)
        bias = _bias(tf.shape(query)[1], memory_mask, causal)
        weights = tf.nn.softmax(logits if bias is None else logits + bias)
        weights = self.drop(tf.cast(weights, values.dtype), rng=rng)
        mixed = tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3])  # [batch, query_time, heads, head_depth]
        rows = tf.reshape(mixed, [-1, self.depth])
        return reshape_like(tf.matmul(rows, tf.convert_to_tensor(self.output_kernel)), query)

    def _heads(self, x: tf.Tensor, kernel) -> tf.Tensor:
        """`[batch, time, depth]` to `[batch, heads, time, head_depth]`."""
        shape = tf.shape(x)
        rows = last_axis_product(x, kernel)
        split = tf.reshape(rows, [shape[0], shape[1], self.num_heads, self.depth // self.num_heads])
        return tf.transpose(split, [0, 2, 1, 3])

    def compute_output_shape(self, query_shape, memory_shape=None):
        """`[batch, query_time, depth]`."""
        return (*query_shape[:-1], self.depth)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "depth": self.depth,
            "dropout": self.dropout,
        }


def _bias(time: tf.Tensor, memory_mask: tf.Tensor | None, causal: bool) -> tf.Tensor | None:
    """What to add to the logits, broadcastable to `[batch, heads, query_time, memory_time]`, or None."""
    bias = None
    if memory_mask is not None:
        bias = (1.0 - tf.cast(memory_mask, tf.float32))[:, tf.newaxis, tf.newaxis, :] * _MASKED
    if causal:
        position = tf.range(time)
        future = tf.cast(position[tf.newaxis, :] > position[:, tf.newaxis], tf.float32) * _MASKED
        bias = future if bias is None else tf.minimum(bias, future)
    return bias
