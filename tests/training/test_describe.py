from t2t_multimodel import registry
from t2t_multimodel.training.cost.describe import (
    bytes_by_device,
    format_bytes,
    format_parts,
    parameter_count,
    parameters_by_part,
)

# Text models with a vocabulary of 8192; a change of architecture shows here.
COUNTS = {
    "multimodel_1p8": 2_594_390_016,
    "multimodel_base": 105_443_328,
    "multimodel_mini": 2_423_808,
    "multimodel_mini_plus": 1_606_368,
    "multimodel_paper": 2_166_292_480,
    "multimodel_paper_single": 655_605_760,
    "multimodel_plus": 5_278_848,
    "multimodel_tiny": 3_734_528,
}


def test_parameter_counts_of_the_registered_sets():
    assert {name: parameter_count(registry.hparams(name)) for name in COUNTS} == COUNTS


def test_every_set_is_counted():
    assert set(registry.hparams_names()) == set(COUNTS)


def test_a_dense_layer_of_the_base_set_by_hand():
    """A ConvBlock has 4 pointwise kernels, depthwise kernels of 3, 3, 15 and 15 taps, and 4 scales and biases."""
    block = 4 * 512 * 512 + (3 + 3 + 15 + 15) * 512 + 4 * 2 * 512
    parts = parameters_by_part(registry.hparams("multimodel_base"))
    assert parts["encoder"] == 6 * block
    assert parts["symbol"] == 2 * 8192 * 512
    assert "105,443,328" in format_parts(parts)


def test_counted_models_are_never_allocated(monkeypatch):
    """Keras gave the variables of counted models their values at the next symbolic call: 17 GB after all sets."""
    import keras

    allocated, initialize = [], keras.Variable._deferred_initialize
    monkeypatch.setattr(
        keras.Variable, "_deferred_initialize", lambda self: allocated.append(self.path) or initialize(self)
    )
    parameter_count(registry.hparams("multimodel_mini"))
    type("Double", (keras.layers.Layer,), {"call": lambda self, x: x * 2})()(keras.Input([3]))
    assert not [path for path in allocated if path.startswith("multimodel")]


def test_each_device_of_a_mesh_keeps_its_share_of_the_experts():
    hparams = registry.hparams("multimodel_mini")
    parts = parameters_by_part(hparams)
    experts = 2 * 2 * hparams.mixture.num_experts * hparams.body.depth * hparams.mixture.hidden
    (one,) = bytes_by_device(hparams, "experts:1")
    assert one["experts"] == (4 * experts, 8 * experts, 4 * experts)  # Adam's two moments
    assert one["experts"].weights + one["others"].weights == 4 * sum(parts.values())
    four = bytes_by_device(hparams, "batch:2;experts:2")
    assert [device["experts"].weights for device in four] == [2 * experts] * 4
    assert four[0]["others"] == one["others"] and not any(sum(device["others"]) for device in four[1:])
    assert f"{16 * experts:,}" in format_bytes([one]) and "each other device" in format_bytes(four)
