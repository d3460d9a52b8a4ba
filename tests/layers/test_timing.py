import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.layers.timing import timing_signal_1d


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
