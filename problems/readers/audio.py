"""Audio files to one channel of float32 samples in [-1, 1] at a wanted rate."""

from __future__ import annotations

import io
import os
import pathlib
import struct

import numpy as np

from t2t_multimodel import paths
from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.readers import sphere

_BLOCK_FRAMES = 1 << 20
_MAX_FRAMES = 1 << 28
_MIN_RATE, _MAX_RATE = 1000, 1_000_000
_STREAMED = (0, 0x7FFFFFFF, 0xFFFFFFFF)


def decode(data: bytes, sample_rate: int) -> np.ndarray:
    """Decodes WAV, FLAC, Ogg, MP3 (libsndfile) or NIST SPHERE, PCM or shorten-compressed.

    Args:
        data: the bytes of the file.
        sample_rate: samples a second of the result; other rates are resampled.

    Returns:
        `[samples]` float32 in [-1, 1]; several channels are averaged.

    Raises:
        BadExampleError: the audio is damaged, truncated, empty or of an unknown format.
    """
    if not data:
        raise BadExampleError("empty audio file")
    samples, rate = sphere.decode(data) if data.startswith(b"NIST") else _decode_libsndfile(data)
    if not len(samples):
        raise BadExampleError("no samples")
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / np.float32(1 << 15)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise BadExampleError("audio with values that are not numbers")
    return np.clip(resample(mono, rate, sample_rate), -1.0, 1.0)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Band-limited resampling of `[samples]` float32 by FFmpeg's polyphase filter.

    Raises:
        BadExampleError: `from_rate` is outside 1 kHz to 1 MHz.
    """
    if from_rate == to_rate:
        return np.ascontiguousarray(samples, np.float32)
    if not _MIN_RATE <= from_rate <= _MAX_RATE:
        raise BadExampleError("audio of an unusable sample rate")
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = from_rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_rate)
    try:
        parts = [part.to_ndarray() for part in (*resampler.resample(frame), *resampler.resample(None))]
    except (av.FFmpegError, ValueError, MemoryError):
        raise BadExampleError("audio of an unusable sample rate") from None
    if not parts:
        raise BadExampleError("no samples")
    return np.concatenate(parts, axis=1)[0]


def read_audio(value: str | os.PathLike | bytes | tuple[np.ndarray, int], sample_rate: int) -> np.ndarray:
    """One channel of what a person gives: a path, the bytes of a file, or (samples, samples a second).

    Args:
        value: samples are float `[samples]` in [-1, 1], or int16 `[samples]`.
        sample_rate: samples a second of the result.

    Returns:
        `[samples]` float32 in [-1, 1].

    Raises:
        DecodeError: it cannot be read as audio.
    """
    if isinstance(value, bytes):
        return _decoded(value, "the bytes given", sample_rate)
    if isinstance(value, tuple):
        return _from_samples(value, sample_rate)
    if not isinstance(value, str | os.PathLike):
        raise DecodeError(f"audio of type {type(value).__name__}; give a path, bytes, or (samples, sample_rate)")
    path = paths.resolve(str(value).strip())
    try:
        data = pathlib.Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DecodeError(f"{path}: {reason}; give the path of an audio file") from None
    return _decoded(data, path, sample_rate)


def _decoded(data: bytes, name: str, sample_rate: int) -> np.ndarray:
    try:
        return decode(data, sample_rate)
    except BadExampleError as error:
        raise DecodeError(f"{name}: {error}; give an intact WAV, FLAC, Ogg, MP3 or SPHERE file") from None


def _from_samples(value: tuple, sample_rate: int) -> np.ndarray:
    samples, rate = np.asarray(value[0]), int(value[1]) if len(value) == 2 else 0
    if samples.ndim != 1 or not samples.size or samples.dtype.kind not in "fi" or rate <= 0:
        raise DecodeError("audio samples must be (float [samples], samples a second); give one channel")
    scaled = samples.astype(np.float32) / (np.float32(1 << 15) if samples.dtype == np.int16 else np.float32(1))
    if not np.isfinite(scaled).all():
        raise DecodeError("audio samples hold values that are not numbers; give values in [-1, 1]")
    try:
        return np.clip(resample(scaled, rate, sample_rate), -1.0, 1.0)
    except BadExampleError as error:
        raise DecodeError(f"audio samples: {error}; give a rate of 1 kHz to 1 MHz") from None


def _decode_libsndfile(data: bytes) -> tuple[np.ndarray, int]:
    import soundfile

    _check_wav_length(data)
    blocks, count = [], 0
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, expected, form = file.samplerate, file.frames, file.format
            while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                blocks.append(block)
                count += len(block)
                if count > _MAX_FRAMES:
                    raise BadExampleError("audio longer than four hours")
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError, MemoryError):
        raise BadExampleError("damaged, truncated or unknown audio file") from None
    if form == "FLAC" and count < expected:
        raise BadExampleError("truncated audio file")
    return np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32), rate


def _check_wav_length(data: bytes) -> None:
    """libsndfile reads truncated WAV files without an error, so this checks the length of the data chunk."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return
    offset = 12
    while offset + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, offset)
        if name == b"data":
            if size not in _STREAMED and offset + 8 + size > len(data):
                raise BadExampleError("truncated audio file")
            return
        offset += 8 + size + size % 2
    raise BadExampleError("truncated audio file")
