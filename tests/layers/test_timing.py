import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.timing import TimingSignal, timing_signal_1d
from tests.layer_case import check_layer, check_steps


@pytest.mark.parametrize(
    ("name", "length", "channels", "options"),
    [
        ("len37_ch24", 37, 24, {}),
        ("len11_ch7", 11, 7, {}),
        ("slicenet_len19_ch48", 19, 48, {"num_timescales": 16}),
    ],
)
def test_golden(golden_dir, name, length, channels, options):
    expected = np.load(golden_dir / "timing_signal_1d.npz")[name].reshape(1, length, channels)
    np.testing.assert_allclose(timing_signal_1d(length, channels, **options), expected, atol=1e-5, rtol=1e-5)
    traced = tf.function(lambda n: timing_signal_1d(n, channels, **options))(tf.constant(length))
    np.testing.assert_allclose(traced, expected, atol=1e-5, rtol=1e-5)


def test_timing_signal_is_a_layer(random):
    x = random.normal(size=(2, 9, 8)).astype("float32")
    check_layer(TimingSignal(), x)
    check_steps(TimingSignal(), x)
    np.testing.assert_allclose(TimingSignal()(tf.constant(x)) - x, timing_signal_1d(9, 8) + 0 * x, atol=1e-6)
