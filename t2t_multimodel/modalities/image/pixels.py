"""Encoded images to pixels, inside the input pipeline."""

from __future__ import annotations

import tensorflow as tf


def decode_images(encoded: tf.Tensor, size: int, seed: tf.Tensor | None = None) -> tf.Tensor:
    """Decodes and resizes a batch of images.

    Args:
        encoded: `[batch]` JPEG or PNG bytes.
        size: side of the result in pixels.
        seed: `[2]` int32: augments each image (a random crop of 7/8 of the side or more, a random flip); None:
            resizes the whole image.

    Returns:
        `[batch, size, size, 3]` float32, 0 to 255.
    """
    count = tf.shape(encoded)[0]
    crops = tf.zeros([count, 4]) if seed is None else tf.random.stateless_uniform([count, 4], seed)

    def one(args):
        data, crop = args
        pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
        pixels.set_shape([None, None, 3])
        if seed is not None:
            pixels = _augment(pixels, crop)
        return tf.image.resize(tf.cast(pixels, tf.float32), [size, size], antialias=True)

    signature = tf.TensorSpec([size, size, 3], tf.float32)
    return tf.map_fn(one, (encoded, crops), fn_output_signature=signature)


def _augment(pixels: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """A random crop (side, top and left from `draws[:3]`) and a flip (`draws[3]`)."""
    extent = tf.cast(tf.shape(pixels)[:2], tf.float32)
    side = tf.maximum(tf.floor(extent * (7 + draws[0]) / 8), 1.0)
    start = tf.cast(tf.floor((extent - side + 1) * draws[1:3]), tf.int32)
    side = tf.cast(side, tf.int32)
    pixels = pixels[start[0] : start[0] + side[0], start[1] : start[1] + side[1]]
    return tf.cond(draws[3] < 0.5, lambda: pixels, lambda: tf.reverse(pixels, [1]))
