"""Audio files to one channel of float32 samples in [-1, 1] at a wanted rate."""

from __future__ import annotations

import io
import os
import pathlib
import struct
from collections.abc import Callable

import numpy as np

from t2t_multimodel import paths
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.readers import sphere

_BLOCK_FRAMES = 1 << 20
_MAX_FRAMES = 1 << 28
_MIN_RATE, _MAX_RATE = 1000, 1_000_000
# Sizes that programs write to a pipe, as they cannot come back to the header: 0, or near 2 or 4 GiB.
_NEAR = 1 << 16
_MAX_PEAK = 1.001  # rounding in float files
_MP3_FRAME_COUNTS, _MP3_SLACK = (b"Xing\0\0\0", b"Info\0\0\0"), 2 * 1152
_SILENT = 1e-3  # energy of the mean of the channels over that of the channels
BEYOND_ONE = "float samples beyond 1 are cut off, scale the file to [-1, 1]"
CANCELLED = "channels cancel each other to silence, give one of them"


def decode(data: bytes, sample_rate: int, note: Callable[[str], None] = lambda reason: None) -> np.ndarray:
    """Decodes WAV, FLAC, Ogg, MP3 (libsndfile) or NIST SPHERE, PCM or shorten-compressed.

    Args:
        data: the bytes of the file.
        sample_rate: samples a second of the result; other rates are resampled.
        note: called with the reason if the audio is readable but unusual.

    Returns:
        `[samples]` float32 in [-1, 1]; several channels are averaged.

    Raises:
        BadExampleError: the audio is damaged, truncated, empty or of an unknown format.
    """
    if not data:
        raise BadExampleError("empty audio file")
    samples, rate = sphere.decode(data) if data.startswith(b"NIST") else _decode_libsndfile(data, note)
    if not len(samples):
        raise BadExampleError("no samples")
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / np.float32(1 << 15)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise BadExampleError("audio with values that are not numbers")
    if samples.shape[1] > 1 and _energy(mono) < _SILENT * _energy(samples):
        note(CANCELLED)
    return np.clip(resample(mono, rate, sample_rate), -1.0, 1.0)


def _energy(samples: np.ndarray) -> float:
    """Mean square of all values."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


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


def read_audio(
    value: str | os.PathLike | bytes | tuple[np.ndarray, int],
    sample_rate: int,
    warn: Callable[[str], None] = print_warning,
) -> np.ndarray:
    """One channel of what a person gives: a path, the bytes of a file, or (samples, samples a second).

    Args:
        value: samples are float `[samples]` in [-1, 1], or int16 `[samples]`.
        sample_rate: samples a second of the result.
        warn: called with one line if the audio is readable but unusual.

    Returns:
        `[samples]` float32 in [-1, 1].

    Raises:
        DecodeError: it cannot be read as audio.
    """
    if isinstance(value, bytes):
        return _decoded(value, "the bytes given", sample_rate, warn)
    if isinstance(value, tuple):
        return _from_samples(value, sample_rate, warn)
    if not isinstance(value, str | os.PathLike):
        raise DecodeError(f"audio of type {type(value).__name__}; give a path, bytes, or (samples, sample_rate)")
    path = paths.resolve(str(value).strip())
    try:
        data = pathlib.Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DecodeError(f"{path}: {reason}; give the path of an audio file") from None
    return _decoded(data, path, sample_rate, warn)


def _decoded(data: bytes, name: str, sample_rate: int, warn: Callable[[str], None]) -> np.ndarray:
    try:
        return decode(data, sample_rate, lambda reason: warn(f"{name}: {reason}"))
    except BadExampleError as error:
        raise DecodeError(f"{name}: {error}; give an intact WAV, FLAC, Ogg, MP3 or SPHERE file") from None


def _from_samples(value: tuple, sample_rate: int, warn: Callable[[str], None]) -> np.ndarray:
    samples, rate = np.asarray(value[0]), int(value[1]) if len(value) == 2 else 0
    if samples.ndim != 1 or not samples.size or samples.dtype.kind not in "fi" or rate <= 0:
        raise DecodeError("audio samples must be (float [samples], samples a second); give one channel")
    scaled = samples.astype(np.float32) / (np.float32(1 << 15) if samples.dtype == np.int16 else np.float32(1))
    if not np.isfinite(scaled).all():
        raise DecodeError("audio samples hold values that are not numbers; give values in [-1, 1]")
    if np.abs(scaled).max() > _MAX_PEAK:
        warn("audio samples beyond 1 are cut off; scale them to [-1, 1]")
    try:
        return np.clip(resample(scaled, rate, sample_rate), -1.0, 1.0)
    except BadExampleError as error:
        raise DecodeError(f"audio samples: {error}; give a rate of 1 kHz to 1 MHz") from None


def _decode_libsndfile(data: bytes, note: Callable[[str], None]) -> tuple[np.ndarray, int]:
    import soundfile

    data = _with_true_length(data)
    blocks, count = [], 0
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, expected, form, kind = file.samplerate, file.frames, file.format, file.subtype
            while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                blocks.append(block)
                count += len(block)
                if count > _MAX_FRAMES:
                    raise BadExampleError("audio longer than four hours")
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError, MemoryError):
        raise BadExampleError("damaged, truncated or unknown audio file") from None
    # Without these marks, the length of an MP3 file is a guess.
    counted = form == "MP3" and any(mark in data[:_BLOCK_FRAMES] for mark in _MP3_FRAME_COUNTS)
    if (form == "FLAC" and count < expected) or (counted and count < expected - _MP3_SLACK):
        raise BadExampleError("truncated audio file")
    # Lossy codecs overshoot by themselves; only float files hold what somebody did not scale.
    if kind in ("FLOAT", "DOUBLE") and max((np.abs(block).max() for block in blocks), default=0) > _MAX_PEAK:
        note(BEYOND_ONE)
    return np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32), rate


def _with_true_length(data: bytes) -> bytes:
    """The file, with the true size in place of a placeholder in the header of a WAV file.

    libsndfile reads truncated WAV files without an error, so this also checks the length of the data chunk.

    Raises:
        BadExampleError: the WAV file is truncated.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        if _ogg_is_cut(data) or _declared_size(data) > len(data) + 1:  # a byte that fills an odd chunk may be missing
            raise BadExampleError("truncated audio file")
        return data
    offset = 12
    while offset + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, offset)
        if name == b"data":
            there = len(data) - offset - 8
            if _is_placeholder(size, there, data):
                sizes = struct.pack("<I", len(data) - 8), struct.pack("<I", there)
                return b"".join((data[:4], sizes[0], data[8 : offset + 4], sizes[1], data[offset + 8 :]))
            if size > there:
                raise BadExampleError("truncated audio file")
            return data
        offset += 8 + size + size % 2
    raise BadExampleError("truncated audio file")


def _ogg_is_cut(data: bytes) -> bool:
    """Whether the last page of an Ogg file is not whole, or not marked as the last (RFC 3533)."""
    if not data.startswith(b"OggS"):
        return False
    page = data[data.rfind(b"OggS") :]
    size = 27 + page[26] + sum(page[27 : 27 + page[26]]) if len(page) > 26 else 27
    return len(page) < size or not page[5] & 4


def _declared_size(data: bytes) -> int:
    """Bytes of the whole file by the header of AIFF, AU, RF64 or W64; 0 for others and for placeholders."""
    try:
        if data[:4] in (b"RF64", b"BW64") and data[12:16] == b"ds64":
            return struct.unpack_from("<Q", data, 20)[0] + 8
        if data[:4] == b"riff":
            return struct.unpack_from("<Q", data, 16)[0]
        if data[:4] == b"FORM":
            start, size = 8, struct.unpack_from(">I", data, 4)[0]
        elif data[:4] == b".snd":
            start, size = struct.unpack_from(">II", data, 4)
        else:
            return 0
    except struct.error:
        raise BadExampleError("truncated audio file") from None
    return 0 if _is_near_2_or_4_gib(size) else start + size


def _is_near_2_or_4_gib(size: int) -> bool:
    return abs(size - (1 << 31)) <= _NEAR or size >= (1 << 32) - _NEAR


def _is_placeholder(size: int, there: int, data: bytes) -> bool:
    """Whether the size of the data chunk means "to the end of the file", of which `there` bytes are left."""
    if size == 0:  # a file whole by its own count holds no samples, and what follows are other chunks
        return there > 0 and struct.unpack_from("<I", data, 4)[0] + 8 != len(data)
    return size > there and _is_near_2_or_4_gib(size)
