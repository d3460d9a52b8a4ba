"""Multi-head scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from t2t_multimodel import observe
from t2t_multimodel.kernels.precision import as_factor, as_kernel
from t2t_multimodel.kernels.products import last_axis_product, reshape_like, small_batched_product, small_softmax
from t2t_multimodel.layers.dropout import Dropout
from t2t_multimodel.layers.explicit_mask import ExplicitMaskLayer
from t2t_multimodel.layers.seeds import Seed

# Finite, so that a row with nothing to attend to gives numbers (an even average) and no NaN.
_MASKED = -1e9

Cache = dict[str, Any]


@keras.saving.register_keras_serializable(package="t2t_multimodel")
class MultiHeadAttention(ExplicitMaskLayer):
    """Attends from `x` to a source, or to itself; no biases, queries scaled by head_depth^-0.5.

    Queries, keys and values have a kernel each: on a CPU one fused product is no faster, and its parts would have to
    be cut out and, in the gradient, put together again.

    Args:
        num_heads: number of heads; divides `depth`.
        depth: depth of queries, keys and values over all heads, and of the output.
        dropout: rate of the dropout on the attention weights.
        uniform: each position gets the mean of the values that it may see; there are no queries and keys, and one head
            is as good as many. An ablation: the source is still read, but not at places of the layer's choice.

    Call arguments:
        x: `[batch, time, x_depth]`.
        source: `[batch, source_time, source_depth]`, or None for self-attention.
        mask: of `x`, `[batch, time]`, True or 1 where real, or None; for self-attention without a cache.
        source_mask: `[batch, source_time]`, or None.
        causal: position t attends to positions <= t only; for self-attention. With a cache it always does.
        training: turns dropout on.
        seed: None, an int32 pair `[2]`, or a `SeedStream`.
        cache: of `init_cache`, or None; with it `x` holds new positions alone, and `source` may be left out. `x` may
            have several rows for each row of a source (beams), which stand together.

    Returns:
        `[batch, time, depth]`; with a cache also the next cache.

    Example:

        attention = MultiHeadAttention(num_heads=2, depth=8)
        x, source = tf.random.normal([2, 5, 8]), tf.random.normal([2, 7, 8])
        y = attention(x, causal=True)  # [2, 5, 8]
        first, cache = attention(x[:, :1], cache=attention.init_cache(2, max_length=5))  # equals y[:, :1]
        attended = attention(x, source, source_mask=tf.sequence_mask([7, 3]))

    Reference: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, num_heads: int, depth: int, dropout: float = 0.0, uniform: bool = False, **kwargs):
        super().__init__(**kwargs)
        if depth % num_heads:
            raise ValueError(f"depth {depth} is not a multiple of {num_heads} heads; change one of the two")
        self.num_heads = num_heads
        self.depth = depth
        self.dropout = dropout
        self.uniform = uniform
        self.heads = 1 if uniform else num_heads
        self.drop = Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, x_shape, source_shape=None):
        """Creates `query_kernel`, `key_kernel`, `value_kernel` `[depth of input, depth]` and `output_kernel`; the last
        two alone if uniform.
        """
        source_depth = (source_shape or x_shape)[-1]
        if not self.uniform:
            self.query_kernel = self._kernel("query_kernel", x_shape[-1])
            self.key_kernel = self._kernel("key_kernel", source_depth)
        self.value_kernel = self._kernel("value_kernel", source_depth)
        self.output_kernel = self._kernel("output_kernel", self.depth)
        self.built = True

    def _kernel(self, name: str, depth: int):
        return self.add_weight(name=name, shape=(depth, self.depth), initializer="glorot_uniform")

    def init_cache(
        self, batch_size: int | tf.Tensor, max_length: int | None = None, source: tf.Tensor | None = None
    ) -> Cache:
        """The cache of self-attention, or with a source that of attention to it; the layer must be built.

        Args:
            batch_size: rows.
            max_length: positions that self-attention can hold; a later one takes the place of the last.
            source: `[batch, source_time, source_depth]`, or None.

        Returns:
            ``keys`` and ``values`` `[batch, heads, max_length, head_depth]` and ``position`` int32 `[batch]`; or
            ``source_keys`` and ``source_values`` `[batch, heads, source_time, head_depth]`. No keys if uniform.

        Raises:
            ValueError: neither a length nor a source is given.
        """
        if source is not None:
            memory = self._memory(tf.cast(source, self.compute_dtype))
            return {f"source_{name}": part for name, part in memory.items()}
        if max_length is None:
            raise ValueError("a cache of self-attention needs a size; give max_length")
        shape = [batch_size, self.heads, max_length, self.depth // self.heads]
        memory = {name: tf.zeros(shape, self.compute_dtype) for name in self._memory_names}
        return {**memory, "position": tf.zeros([batch_size], tf.int32)}

    def call(
        self,
        x: tf.Tensor,
        source: tf.Tensor | None = None,
        mask: tf.Tensor | None = None,
        source_mask: tf.Tensor | None = None,
        causal: bool = False,
        training: bool = False,
        seed: Seed = None,
        cache: Cache | None = None,
    ):
        if cache is not None:
            return self._step(x, source_mask, training, seed, cache)
        memory = self._memory(as_factor(x if source is None else source))
        bias = _bias(tf.shape(x)[1], mask if source is None else source_mask, causal)
        return self._attend(x, memory, bias, training, seed)

    def _step(self, x, source_mask, training, seed, cache):
        if "source_values" in cache:
            memory = {name: cache[f"source_{name}"] for name in self._memory_names}
            bias = _bias(tf.shape(x)[1], source_mask, causal=False)
            # Rows of one source are taken as positions of one row: its keys are not repeated for each beam.
            rows = tf.reshape(x, [tf.shape(memory["values"])[0], -1, x.shape[-1]])
            return tf.reshape(self._attend(rows, memory, bias, training, seed, step=True), tf.shape(x)), cache
        position, length = cache["position"], cache["values"].shape[2]
        memory = {name: _write(cache[name], new, position) for name, new in self._memory(x).items()}
        reach = position[:, tf.newaxis] + tf.range(tf.shape(x)[1])  # [batch, time]: the last slot that each attends to
        hidden = tf.range(length) > reach[:, :, tf.newaxis]
        bias = tf.cast(hidden, tf.float32)[:, tf.newaxis] * _MASKED  # [batch, 1, time, max_length]
        y = self._attend(x, memory, bias, training, seed, step=True)
        return y, {**memory, "position": position + tf.shape(x)[1]}

    @property
    def _memory_names(self) -> tuple[str, ...]:
        return ("values",) if self.uniform else ("keys", "values")

    def _memory(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """``keys`` and ``values`` `[batch, heads, source_time, head_depth]`; the values alone if uniform."""
        keys = {} if self.uniform else {"keys": self._heads(source, self.key_kernel)}
        return {**keys, "values": self._heads(source, self.value_kernel)}

    def _attend(self, x, memory, bias, training, seed, step=False):
        product, values = small_batched_product if step else _product, memory["values"]
        logits = self._even_logits(x, values) if self.uniform else self._logits(x, memory["keys"], product, step)
        logits = logits if bias is None else logits + bias
        weights = (small_softmax if step else tf.nn.softmax)(logits)
        observe.show(self.path, "weights", weights)
        weights = self.drop(weights, training=training, seed=seed)
        mixed = product(tf.cast(weights, values.dtype), values)
        if x.shape[1] != 1:
            mixed = tf.transpose(mixed, [0, 2, 1, 3])  # [batch, time, heads, head_depth]
        rows = as_factor(tf.reshape(mixed, [-1, self.depth]))
        return reshape_like(tf.cast(tf.matmul(rows, as_kernel(self.output_kernel, rows.dtype)), x.dtype), x)

    def _logits(self, x, keys, product, step):
        """`[batch, heads, time, source_time]`."""
        scale = (self.depth // self.heads) ** -0.5
        # Scaling the kernel costs less than scaling the queries or the logits, but for a step's few rows.
        if step:  # attention of few rows is faster in float32
            queries = self._heads(x, self.query_kernel) * scale
        else:
            queries = self._heads(as_factor(x), tf.convert_to_tensor(self.query_kernel) * scale)
        return tf.cast(product(queries, keys, transpose=True), tf.float32)

    def _even_logits(self, x, values):
        """`[batch, 1, time, source_time]`."""
        return tf.zeros([tf.shape(values)[0], 1, tf.shape(x)[1], tf.shape(values)[2]])

    def _heads(self, x: tf.Tensor, kernel) -> tf.Tensor:
        """`[batch, time, depth]` to `[batch, heads, time, head_depth]`."""
        shape = tf.shape(x)
        rows = last_axis_product(x, kernel)
        if x.shape[1] == 1:  # the same memory
            return tf.reshape(rows, [-1, self.heads, 1, self.depth // self.heads])
        split = tf.reshape(rows, [shape[0], shape[1], self.heads, self.depth // self.heads])
        return tf.transpose(split, [0, 2, 1, 3])

    def compute_output_shape(self, x_shape, source_shape=None, cache_shape=None):
        """`[batch, time, depth]`; with a cache also its shape."""
        shape = (*x_shape[:-1], self.depth)
        return shape if cache_shape is None else (shape, cache_shape)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "depth": self.depth,
            "dropout": self.dropout,
            "uniform": self.uniform,
        }


def _product(x: tf.Tensor, y: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    return tf.matmul(x, y, transpose_b=transpose)


def _bias(time: tf.Tensor, mask: tf.Tensor | None, causal: bool) -> tf.Tensor | None:
    """What to add to the logits, broadcastable to `[batch, heads, time, source_time]`, or None."""
    bias = None
    if mask is not None:
        bias = (1.0 - tf.cast(mask, tf.float32))[:, tf.newaxis, tf.newaxis, :] * _MASKED
    if causal:
        position = tf.range(time)
        future = tf.cast(position[tf.newaxis, :] > position[:, tf.newaxis], tf.float32) * _MASKED
        bias = future if bias is None else tf.minimum(bias, future)
    return bias


def _write(kept: tf.Tensor, new: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Writes `new` `[batch, heads, time, depth]` into `kept` `[batch, heads, max_length, depth]`, each row from its
    position `[batch]` on. All shapes are static where those of the arguments are.
    """
    length, time = kept.shape[2], tf.shape(new)[2]
    if new.shape[2] == 1:
        # In place where nothing else holds the tensor, as in a loop: nothing but the update may read it.
        heads, depth = kept.shape[1], kept.shape[3]
        first = tf.range(tf.size(position) * heads) * length
        slots = first + tf.repeat(tf.minimum(position, length - 1), heads)
        rows = tf.reshape(kept, [-1, depth])
        rows = tf.tensor_scatter_nd_update(rows, slots[:, tf.newaxis], tf.reshape(new, [-1, depth]))
        return tf.ensure_shape(tf.reshape(rows, [-1, heads, length, depth]), kept.shape)
    offset = tf.range(length) - position[:, tf.newaxis]  # [batch, max_length]
    inside = (offset >= 0) & (offset < time)
    new = tf.gather(new, tf.clip_by_value(offset, 0, time - 1), axis=2, batch_dims=1)
    return tf.where(inside[:, tf.newaxis, :, tf.newaxis], new, kept)
