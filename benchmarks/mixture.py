"""The mixture layer against a dense feed-forward layer of equal active FLOPs, forward and backward.

    python -m benchmarks mixture --experts=30,60,240

Both have the residual connection and the normalisation. Routing is even (random choices) or skewed: the experts' shares
follow Zipf's law. What touching all weights costs in any case is stated beside: each is read forward and backward,
and its gradient is written.
"""

from __future__ import annotations

import argparse

from benchmarks import harness


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks mixture", description=__doc__.splitlines()[0])
    parser.add_argument("--experts", default="30,60,240")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--depth", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    from t2t_multimodel import process

    process.prepare()
    lines = ["| experts | dense, s | even | Zipf | touching the weights | even, without | Zipf, without |"]
    lines.append("|---" * 7 + "|")
    for experts in map(int, options.experts.split(",")):
        row = measure(experts, options.tokens, options.depth, options.hidden, options.k, options.repeats)
        dense, touch = row["dense"], row["touch"]
        ratios = [row["even"] / dense, row["zipf"] / dense, touch / dense]
        ratios += [(row["even"] - touch) / dense, (row["zipf"] - touch) / dense]
        lines.append(f"| {experts} | {dense:.4f} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    print("\n".join(lines))


def measure(experts: int, tokens: int, depth: int, hidden: int, k: int, repeats: int) -> dict[str, float]:
    """Median seconds of the dense layer, the mixture evenly and skewedly routed, and of touching all weights."""
    import tensorflow as tf

    from t2t_multimodel.layers.mixture import MixtureOfExperts

    x = tf.random.stateless_normal([1, tokens, depth], [0, 0])
    mixture = MixtureOfExperts(experts, hidden, k)
    mixture.build(x.shape)
    skewed = MixtureOfExperts(experts, hidden, k)
    skewed.build(x.shape)
    for layer, exponent in ((mixture, 0.0), (skewed, 1.0)):
        layer.gate = _FixedGate(layer.gate, zipf_choices(experts, tokens, k, exponent))
    functions = {
        "dense": _dense(x, depth, k * hidden),
        "even": _gradients(lambda y: mixture(y)[0], x, _weights(mixture)),
        "zipf": _gradients(lambda y: skewed(y)[0], x, _weights(skewed)),
        "touch": _touch(mixture),
    }
    return harness.interleaved(functions, repeats)


def zipf_choices(experts: int, tokens: int, k: int, exponent: float):
    """`[tokens, k]` distinct experts a token, expert e drawn in proportion to `1 / (e + 1) ** exponent`."""
    import numpy as np

    rng = np.random.default_rng(0)
    logits = -exponent * np.log(np.arange(1, experts + 1))
    # The k largest of logits plus Gumbel noise are k draws without replacement.
    keys = logits + rng.gumbel(size=(tokens, experts))
    return np.argsort(-keys, 1)[:, :k].astype(np.int32)


class _FixedGate:
    """The layer's gate, whose work is done, with the choices replaced by given ones."""

    def __init__(self, gate, choices):
        self._gate, self._choices = gate, choices

    def __call__(self, x, mask=None, training=False, seed=None):
        import tensorflow as tf

        gates, _, load, importance = self._gate(x, mask=mask, training=training, seed=seed)
        return gates, tf.constant(self._choices), load, importance


def _weights(layer) -> list:
    return [layer.expert_in.value, layer.expert_out.value, layer.norm.scale.value, layer.norm.bias.value]


def _gradients(call, x, weights):
    import tensorflow as tf

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
            loss = tf.reduce_sum(y * y)
        return tape.gradient(loss, [x, *weights])

    return run


def _dense(x, depth: int, width: int):
    import tensorflow as tf

    from t2t_multimodel.kernels.products import last_axis_product
    from t2t_multimodel.layers.layer_norm import LayerNorm

    norm = LayerNorm()
    norm.build(x.shape)
    wide = tf.Variable(tf.random.stateless_normal([depth, width], [1, 1]) * 0.05)
    narrow = tf.Variable(tf.random.stateless_normal([width, depth], [2, 2]) * 0.05)

    def call(y):
        return norm(y + last_axis_product(tf.nn.relu(last_axis_product(y, wide)), narrow))

    return _gradients(call, x, [wide, narrow, norm.scale.value, norm.bias.value])


def _touch(layer):
    import tensorflow as tf

    @tf.function(autograph=False)
    def run():
        weights = [tf.convert_to_tensor(weight) for weight in (layer.expert_in, layer.expert_out)]
        read = [tf.reduce_max(weight) for weight in weights]
        return [weight * maximum for weight, maximum in zip(weights, read)]

    return run
