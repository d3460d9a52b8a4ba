"""Keras layers, one a file: `layer(x, mask=None, training=False, seed=None, cache=None)`, each as far as it applies.

- `mask`: `[batch, time]`, True or 1 at real positions. It is passed explicitly; Keras' implicit masks are not produced.
- `training`: turns dropout and gate noise on.
- `seed`: None (each random layer draws from a `keras.random.SeedGenerator`), an int32 pair `[2]` or a `SeedStream`.
- `cache`: a nest of tensors from `layer.init_cache(batch_size, max_length)`; the call then takes new positions alone
  and returns the next cache as its last result.
"""
