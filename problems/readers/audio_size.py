"""Holds audio to a length before it is decoded into memory."""

from __future__ import annotations

import io

from t2t_multimodel.errors import BadExampleError, DecodeError, InputLimitError
from t2t_multimodel.problems.readers import sphere

# Two channels of 48 kHz: what a second may hold at most.
_VALUES_A_SECOND = 96_000
_BLOCK_VALUES = 1 << 20


def check_seconds(data: bytes, seconds: float) -> None:
    """Holds an audio file to a length by decoding it in blocks that are dropped, as headers lie.

    Args:
        data: the bytes of the file.
        seconds: it lasts at most so long, and holds no more values than two channels of 48 kHz in that time.

    Raises:
        InputLimitError: the audio is longer.
        DecodeError: it is not audio.
    """
    if data.startswith(sphere.MAGIC):
        try:
            header = sphere.parse_header(data)
        except BadExampleError as error:
            raise DecodeError(f"the bytes given: {error}; give an intact audio file") from None
        _check(header.sample_count, header.sample_rate, header.channel_count, seconds)
    else:
        _check_libsndfile(data, seconds)


def _check(frames: int, rate: int, channels: int, seconds: float) -> None:
    if frames > seconds * rate:
        raise InputLimitError(f"audio of {frames / max(rate, 1):,.0f} s or more; give at most {seconds:g} s")
    if frames * channels > seconds * _VALUES_A_SECOND:
        raise InputLimitError(f"audio of {channels} channels at {rate} Hz; give two channels of 48 kHz at most")


def _check_libsndfile(data: bytes, seconds: float) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels = file.samplerate, file.channels
            frames = 0
            while count := len(file.read(max(_BLOCK_VALUES // channels, 1), dtype="float32", always_2d=True)):
                frames += count
                _check(frames, rate, channels, seconds)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError, OSError, MemoryError):
        raise DecodeError(
            "the bytes given are no audio that can be read; give an intact WAV, FLAC, Ogg, MP3 or SPHERE file"
        ) from None
