"""Requests that a server must refuse, each with the statuses and words of its refusal; for `serve` and the tests."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import json
import struct
import zlib

JSON = "application/json"


@dataclasses.dataclass(frozen=True)
class Ask:
    """A request.

    Attributes:
        name: what it is.
        path: of the address.
        body: of the request.
        content_type: of the body.
        statuses: that its answer may have.
        words: that the error must have.
        headers: further ones.
        slow: the body never comes.
    """

    name: str
    path: str
    body: bytes
    content_type: str = JSON
    statuses: tuple[int, ...] = (200,)
    words: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    slow: bool = False


def hostile_requests(picture: str, sound: str, text: str) -> list[Ask]:
    """One of each kind.

    Args:
        picture, sound, text: problems of such inputs.
    """
    return [*_of_pictures(f"/v1/{picture}"), *_of_sounds(f"/v1/{sound}"), *_of_text(f"/v1/{text}")]


def _of_pictures(path: str) -> list[Ask]:
    def picture(name: str, body: bytes, status: int, words: str) -> Ask:
        return Ask(name, path, body, "image/png", (status,), words)

    return [
        picture("oversized body", bytes(9 << 20), 413, "bytes"),
        picture("oversized picture", png_of_header(20_000, 20_000), 413, "pixels"),
        picture("bomb picture", flat_png(4000), 413, "bomb"),
        picture("a million pixels in a kilobyte", flat_png(1000, "1"), 413, "bomb"),
        picture("truncated picture", jpeg()[: len(jpeg()) // 2], 422, "intact"),
        picture("no picture", b"hello " * 100, 422, "intact"),
        picture("empty picture", b"", 422, "empty"),
        Ask("path of a picture", path, _inputs("/etc/passwd"), JSON, (422,), "no path"),
        Ask("address of a picture", path, _inputs("http://127.0.0.1:1/a.png"), JSON, (422,), "no path"),
        Ask("file address", path, _inputs("file:///etc/passwd"), JSON, (422,), "no path"),
        Ask(
            "base64 of a path",
            path,
            _inputs({"b64": base64.b64encode(b"/etc/passwd").decode()}),
            JSON,
            (422,),
            "intact",
        ),
        Ask("broken base64", path, _inputs({"b64": "a*b"}), JSON, (422,), "base64"),
        Ask("sound for a picture", path, b"RIFF", "audio/wav", (415,), "content type"),
    ]


def _of_sounds(path: str) -> list[Ask]:
    return [
        Ask("sound that is not numbers", path, nan_wav(), "audio/wav", (422,), "not numbers"),
        Ask("an hour of sound", path, hour_flac(), "audio/flac", (413,), "give at most"),
        Ask("truncated sound", path, hour_flac()[:2000], "audio/flac", (413, 422), ""),
        Ask("path of sound", path, _inputs("../../secret.wav"), JSON, (422,), "no path"),
    ]


def _of_text(path: str) -> list[Ask]:
    def text(name: str, body: bytes, status: int, words: str) -> Ask:
        return Ask(name, path, body, JSON, (status,), words)

    return [
        text("invalid UTF-8", b'{"inputs": ["\xff\xfe"]}', 400, "UTF-8"),
        text("half of a surrogate pair", b'{"inputs": ["\\ud800"]}', 422, "Unicode"),
        text("100,000 characters", _inputs("x" * 100_000), 413, "characters"),
        text("cut JSON", b'{"inputs": ["a"', 400, "JSON"),
        text("deep JSON", b"[" * 50_000, 400, "levels"),
        text("many values", b'{"inputs": [' + b"[]," * 200_000 + b"1]}", 413, "values"),
        text("no number", b'{"inputs": ["a"], "decode": {"alpha": NaN}}', 400, "JSON"),
        text("no inputs", b"{}", 400, "inputs"),
        text("unknown field", b'{"inputs": ["a"], "path": "/etc/passwd"}', 400, "path"),
        text("a number for text", _inputs(5), 400, "inputs"),
        text("blank text", _inputs("   "), 422, "empty"),
        text("a beam of 1000", json.dumps({"inputs": ["a"], "decode": {"beam_size": 1000}}).encode(), 400, "beam_size"),
        text("a beam that samples", _sampled_beam(), 400, "beam_size=1"),
        text("a thousand inputs", json.dumps({"inputs": ["a"] * 1000}).encode(), 400, "inputs"),
        Ask(
            "compressed body",
            path,
            zlib.compress(_inputs("a")),
            JSON,
            (415,),
            "compressed",
            (("Content-Encoding", "gzip"),),
        ),
        Ask("form", path, b"inputs=a", "application/x-www-form-urlencoded", (415,), "application/json"),
        Ask("unknown problem", "/v1/no_such_problem", _inputs("a"), JSON, (404,), "unknown problem"),
        Ask("climbing path", "/static/../../../etc/passwd", b"{}", JSON, (404, 405), ""),
        Ask("slow sender", path, _inputs("a"), JSON, (408,), "send it faster", slow=True),
    ]


def _inputs(*values: object) -> bytes:
    return json.dumps({"inputs": list(values)}).encode()


def _sampled_beam() -> bytes:
    return json.dumps({"inputs": ["a"], "decode": {"beam_size": 2, "sampling_method": "random"}}).encode()


def png_of_header(width: int, height: int) -> bytes:
    """A PNG whose header states a size, and which has next to nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@functools.cache
def flat_png(side: int, mode: str = "L") -> bytes:
    """A grey picture of one colour; of mode ``"1"`` with a bit a pixel."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new(mode, (side, side), 128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@functools.cache
def jpeg() -> bytes:
    """An intact picture."""
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@functools.cache
def nan_wav() -> bytes:
    """Sound with a value that is not a number."""
    import numpy as np
    import soundfile

    samples, buffer = np.zeros(4000, np.float32), io.BytesIO()
    samples[1000] = np.nan
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


@functools.cache
def hour_flac() -> bytes:
    """An hour of silence."""
    import numpy as np
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(3600 * 8000, np.int16), 8000, format="FLAC")
    return buffer.getvalue()
