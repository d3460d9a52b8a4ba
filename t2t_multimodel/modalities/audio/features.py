"""Audio as the audio modality reads it: log-mel spectrograms or framed waveforms, inside the input pipeline."""

from __future__ import annotations

import tensorflow as tf

_FLOOR = 1e-5


def frame_count(samples: tf.Tensor, sample_rate: int, modalities) -> tf.Tensor:
    """Feature frames of `samples` samples of audio."""
    if modalities.audio_features == "waveform":
        return samples
    window, hop = _window_and_hop(sample_rate, modalities)
    return tf.maximum((tf.maximum(samples, window) - window) // hop + 1, 1)


def padded_frames(samples: int, sample_rate: int, modalities) -> int:
    """Frames of a batch whose longest example has so many samples, as `audio_features` pads them."""
    window, hop = _window_and_hop(sample_rate, modalities)
    waveform = modalities.audio_features == "waveform"
    frames = samples if waveform else max((max(samples, window) - window) // hop + 1, 1)
    multiple = 2**modalities.audio_strided_blocks
    return -(-frames // multiple) * multiple


def _window_and_hop(sample_rate: int, modalities) -> tuple[int, int]:
    return (
        round(sample_rate * modalities.audio_window_ms / 1000),
        round(sample_rate * modalities.audio_hop_ms / 1000),
    )


def audio_features(samples: tf.Tensor, lengths: tf.Tensor, sample_rate: int, modalities) -> tuple[tf.Tensor, tf.Tensor]:
    """Features of a batch of audio.

    Log-mel: Hann window, magnitude spectrum, `audio_bands` mel bands up to half the sample rate, natural logarithm,
    each band brought to mean 0 and variance 1 over the real frames of its example. Waveform: the samples.

    Args:
        samples: `[batch, samples]` float32, zero after each example's end.
        lengths: `[batch]` samples of each example.
        sample_rate: samples a second.
        modalities: hparams group.

    Returns:
        features `[batch, frames, bands]`, zero at padding, frames a multiple of 2 ** audio_strided_blocks, and the
        frame counts `[batch]`.
    """
    frames = frame_count(lengths, sample_rate, modalities)
    if modalities.audio_features == "waveform":
        features = samples[..., None]
    else:
        features = _log_mel(samples, sample_rate, modalities)
    mask = tf.sequence_mask(frames, tf.shape(features)[1], tf.float32)[..., None]
    count = tf.maximum(tf.reduce_sum(mask, axis=1, keepdims=True), 1.0)
    mean = tf.reduce_sum(features * mask, axis=1, keepdims=True) / count
    variance = tf.reduce_sum(tf.square(features - mean) * mask, axis=1, keepdims=True) / count
    features = (features - mean) * tf.math.rsqrt(variance + _FLOOR) * mask
    multiple = 2**modalities.audio_strided_blocks
    extra = -tf.shape(features)[1] % multiple
    return tf.pad(features, [[0, 0], [0, extra], [0, 0]]), frames


def _log_mel(samples: tf.Tensor, sample_rate: int, modalities) -> tf.Tensor:
    window, hop = _window_and_hop(sample_rate, modalities)
    samples = tf.pad(samples, [[0, 0], [0, tf.maximum(window - tf.shape(samples)[1], 0)]])
    fft = 1 << (window - 1).bit_length()
    spectrum = tf.abs(tf.signal.stft(samples, window, hop, fft))
    mel = tf.signal.linear_to_mel_weight_matrix(
        modalities.audio_bands, fft // 2 + 1, sample_rate, 20.0, sample_rate / 2
    )
    return tf.math.log(tf.tensordot(spectrum, mel, 1) + _FLOOR)


def spec_augment(features: tf.Tensor, frames: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """SpecAugment (Park et al. 2019): two time and two frequency masks an example.

    A time mask covers up to a twentieth of the example's frames, a frequency mask up to a fifth of the bands.

    Args:
        features: `[batch, frames, bands]`.
        frames: real frames of each example `[batch]`.
        seed: `[2]` int32.
    """
    shape = tf.shape(features)
    draws = tf.random.stateless_uniform([8, shape[0]], seed)
    real, bands = tf.cast(frames, tf.float32), tf.cast(shape[2], tf.float32)
    keep_time = _spans(draws[0:2], draws[2:4], real, real / 20, shape[1])
    keep_band = _spans(draws[4:6], draws[6:8], bands * tf.ones_like(real), bands / 5 * tf.ones_like(real), shape[2])
    return features * keep_time[:, :, None] * keep_band[:, None, :]


def _spans(starts: tf.Tensor, widths: tf.Tensor, extent: tf.Tensor, widest: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Zero inside the spans, one elsewhere, `[batch, size]`; starts and widths are `[spans, batch]` in [0, 1)."""
    width = tf.floor(widths * (widest + 1))
    start = tf.floor(starts * tf.maximum(extent - width, 1.0))
    position = tf.cast(tf.range(size), tf.float32)
    inside = (position >= start[..., None]) & (position < (start + width)[..., None])
    return tf.cast(~tf.reduce_any(inside, axis=0), tf.float32)
