"""Tests of the SPHERE reader: header grammar, PCM, shorten, and headers that do not fit the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.problems.readers import sphere


def sphere_bytes(samples: np.ndarray, *, order: str = "01", **fields) -> bytes:
    """A PCM SPHERE file of `[samples, channels]` int16."""
    values = {
        "channel_count": samples.shape[1],
        "sample_count": len(samples),
        "sample_rate": 16000,
        "sample_n_bytes": 2,
        **fields,
    }
    lines = [f"{name} -i {value}" for name, value in values.items()]
    lines += [f"sample_byte_format -s2 {order}", "sample_coding -s3 pcm", "end_head", ""]
    header = ("NIST_1A\n   1024\n" + "\n".join(lines)).encode().ljust(1024)
    return header + samples.astype("<i2" if order == "01" else ">i2").tobytes()


RAMP = np.arange(-500, 500, dtype=np.int16)[:, None]


@pytest.mark.parametrize("order", ["01", "10"])
def test_pcm_of_both_byte_orders(order):
    samples, rate = sphere.decode(sphere_bytes(RAMP, order=order))
    np.testing.assert_array_equal(samples, RAMP)
    assert rate == 16000


def test_two_channels_and_padding_to_blocks():
    stereo = np.concatenate([RAMP, -RAMP], axis=1)
    samples, _ = sphere.decode(sphere_bytes(stereo) + bytes(96))
    np.testing.assert_array_equal(samples, stereo)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sample_count": 2000}, "fewer samples"),
        ({"sample_count": 10}, "more samples"),
        ({"sample_count": 0}, "no samples"),
        ({"sample_count": -5}, "sample_count"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"channel_count": 999}, "channel_count"),
        ({"sample_n_bytes": 3}, "sample width"),
        ({"sample_count": 10**17}, "sample_count"),
    ],
)
def test_lying_headers(fields, message):
    with pytest.raises(BadExampleError, match=message):
        sphere.decode(sphere_bytes(RAMP, **fields))


@pytest.mark.parametrize("data", [b"", b"NIST_1A\n", b"NIST_1A\n   1024\n", b"NIST_1A\n   xx\n" + bytes(2000)])
def test_cut_headers(data):
    with pytest.raises(BadExampleError):
        sphere.decode(data)


@given(
    count=st.integers(1, 2**31),
    rate=st.integers(1, 10**6),
    channels=st.integers(1, 16),
    width=st.integers(1, 4),
    text=st.text(st.characters(codec="latin-1", exclude_characters="\n"), max_size=40).filter(
        lambda text: "end_head" not in text
    ),
    extra=st.integers(0, 3),
)
def test_header_round_trip(count, rate, channels, width, text, extra):
    lines = [f"utterance_id -s{len(text)} {text}", f"sample_rate -i {rate}", f"channel_count -i {channels}"]
    lines += [f"sample_n_bytes -i {width}", f"sample_count -i {count}", "gain -r 1.5e-3"] + ["; comment"] * extra
    header = ("NIST_1A\n   2048\n" + "\n".join(lines) + "\nend_head\n").encode("latin-1").ljust(2048)
    assert sphere.parse_header(header) == sphere.SphereHeader(2048, count, rate, channels, width)


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_raise_only_bad_example(body):
    data = b"NIST_1A\n    200\n" + body
    try:
        header = sphere.parse_header(data)
    except BadExampleError:
        return
    assert header.sample_count > 0 and 1 <= header.channel_count <= 16


def test_files_that_are_wrong_on_purpose(corpora_dir):
    for name in ("lying_header.wv1", "cut_shorten.wv1"):
        with pytest.raises(BadExampleError, match="fewer samples"):
            sphere.decode((corpora_dir / "bad/speech" / name).read_bytes())
