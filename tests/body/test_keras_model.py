"""The body's parts in a functional Keras model: training without seeds of ours, saving, loading."""

import keras
import numpy as np

from t2t_multimodel.body.paper.decoder import Decoder
from t2t_multimodel.body.paper.encoder import Encoder

CONV = {"kernel_sizes": (3, 3, 3, 3), "dilations": (1, 1, 1, 2), "dropout": 0.3}


def test_a_functional_model_trains_and_is_saved(tmp_path, random):
    source, target = keras.Input([None, 8]), keras.Input([None, 8])
    mask = keras.Input([None], dtype="bool")
    mixture = {"num_experts": 4, "hidden": 16, "k": 2}
    encoded, loss, load = Encoder(8, 1, conv=CONV, mixture=mixture)(source, mask=mask)
    assert loss.shape == () and load.shape == (4,)
    decoded, _, load = Decoder(8, 2, 1, conv=CONV, attention={"conv_blocks": 1})(target, encoded, source_mask=mask)
    assert load.shape == (0,)
    model = keras.Model([source, target, mask], keras.layers.Dense(1)(decoded))
    model.compile("adam", "mse", run_eagerly=True)
    x = random.normal(size=(8, 6, 8)).astype("float32")
    inputs = [x, x, np.arange(6) < random.integers(2, 7, (8, 1))]
    losses = model.fit(inputs, x[:, :, :1], epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    first, second = (model(inputs, training=True).numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(copy(inputs), model(inputs), atol=1e-5)
