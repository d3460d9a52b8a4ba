"""NIST SPHERE audio files: the header's grammar and the samples, PCM or shorten-compressed.

Format: NIST SPeech HEader REsources, header ``NIST_1A``, header length, ``name -type value`` lines, ``end_head``.
"""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np

from t2t_multimodel.errors import BadExampleError

MAGIC = b"NIST_1A\n"
_MAX_HEADER = 1 << 20
_MAX_CHANNELS = 16
_MAX_SAMPLES = 1 << 31
_MAX_RATE = 1_000_000
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_STRING = re.compile(r"-s[0-9]{1,9}")


@dataclasses.dataclass(frozen=True)
class SphereHeader:
    """The fields of a SPHERE header that decoding needs.

    Attributes:
        length: bytes before the samples.
        sample_count: samples of each channel.
        sample_rate: samples a second.
        channel_count: interleaved channels.
        sample_n_bytes: bytes a sample, uncompressed.
        byte_order: "<" or ">".
        coding: e.g. ``"pcm"`` or ``"pcm,embedded-shorten-v2.00"``.
    """

    length: int
    sample_count: int
    sample_rate: int
    channel_count: int = 1
    sample_n_bytes: int = 2
    byte_order: str = "<"
    coding: str = "pcm"


def parse_header(data: bytes) -> SphereHeader:
    """Parses and checks the header at the start of `data`.

    Raises:
        BadExampleError: no SPHERE header, or one that is cut, malformed or out of range.
    """
    if not data.startswith(MAGIC):
        raise BadExampleError("no NIST SPHERE header")
    length_line, newline, _ = data[len(MAGIC) : len(MAGIC) + 16].partition(b"\n")
    if not newline or not length_line.strip().isdigit():
        raise BadExampleError("malformed SPHERE header")
    length = int(length_line)
    if not len(MAGIC) < length <= min(len(data), _MAX_HEADER):
        raise BadExampleError("truncated SPHERE header")
    fields = _parse_fields(data[len(MAGIC) + len(length_line) + 1 : length])
    return _checked(length, fields)


def decode(data: bytes) -> tuple[np.ndarray, int]:
    """Samples of a SPHERE file.

    Returns:
        `[samples, channels]` int16 or float32 in [-1, 1], and the sample rate.

    Raises:
        BadExampleError: the header is wrong, or the samples are fewer or more than it says.
    """
    header = parse_header(data)
    if header.coding == "pcm":
        return _decode_pcm(header, data[header.length :]), header.sample_rate
    return _decode_compressed(header, data), header.sample_rate


def _parse_fields(text: bytes) -> dict[str, str | int]:
    body, end, _ = text.partition(b"end_head")
    if not end:
        raise BadExampleError("SPHERE header without its end mark")
    fields: dict[str, str | int] = {}
    for line in body.decode("latin-1").split("\n"):
        if not line.strip() or line.startswith(";"):
            continue
        name, kind, value = (*line.split(None, 2), "", "")[:3]
        if kind == "-i" and _INTEGER.fullmatch(value.strip()):
            fields[name] = int(value)
        elif _STRING.fullmatch(kind):
            fields[name] = value[: int(kind[2:])]
        elif kind != "-r":
            raise BadExampleError("malformed SPHERE header")
    return fields


def _checked(length: int, fields: dict[str, str | int]) -> SphereHeader:
    order = str(fields.get("sample_byte_format", "01"))
    header = SphereHeader(
        length=length,
        sample_count=_number(fields, "sample_count", None, 0, _MAX_SAMPLES),
        sample_rate=_number(fields, "sample_rate", None, 1, _MAX_RATE),
        channel_count=_number(fields, "channel_count", 1, 1, _MAX_CHANNELS),
        sample_n_bytes=_number(fields, "sample_n_bytes", 2, 1, 4),
        byte_order=">" if order.startswith("1") else "<",
        coding=str(fields.get("sample_coding", "pcm")).strip().lower(),
    )
    if not header.sample_count:
        raise BadExampleError("no samples")
    return header


def _number(fields: dict[str, str | int], name: str, default: int | None, low: int, high: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or not low <= value <= high:
        raise BadExampleError(f"SPHERE header with a missing or wrong {name}")
    return value


def _decode_pcm(header: SphereHeader, data: bytes) -> np.ndarray:
    if header.sample_n_bytes not in (2, 4):
        raise BadExampleError("SPHERE file of an unsupported sample width")
    size = header.sample_count * header.channel_count * header.sample_n_bytes
    if len(data) < size:
        raise BadExampleError("SPHERE file with fewer samples than its header says")
    # Some files are padded to whole blocks of 1024 bytes.
    if len(data) - size >= 1024:
        raise BadExampleError("SPHERE file with more samples than its header says")
    samples = np.frombuffer(data, f"{header.byte_order}i{header.sample_n_bytes}", size // header.sample_n_bytes)
    samples = samples.reshape(header.sample_count, header.channel_count)
    if header.sample_n_bytes == 4:
        return (samples / np.float32(1 << 31)).astype(np.float32)
    return samples.astype(np.int16)


def _decode_compressed(header: SphereHeader, data: bytes) -> np.ndarray:
    import av

    try:
        with av.open(io.BytesIO(data), format="nistsphere") as container:
            frames, count = [], 0
            for frame in container.decode(audio=0):
                frames.append(_frame_samples(frame))
                count += len(frames[-1])
                if count > header.sample_count:  # the rest may be a bomb
                    break
    except (av.FFmpegError, ValueError, IndexError, OSError, EOFError, MemoryError, NotImplementedError):
        raise BadExampleError("damaged or truncated compressed SPHERE file") from None
    if count < header.sample_count:
        raise BadExampleError("SPHERE file with fewer samples than its header says")
    if count > header.sample_count or any(frame.shape[1] != header.channel_count for frame in frames):
        raise BadExampleError("SPHERE file with more samples than its header says")
    return np.concatenate(frames)


def _frame_samples(frame: object) -> np.ndarray:
    """One decoded frame as `[samples, channels]` int16."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return ((samples.T.astype(np.int16) - 128) << 8).astype(np.int16)
    return samples.T.astype(np.int16)
