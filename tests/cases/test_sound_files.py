"""Sound as people have it: headers of pipes, cut files, samples that are not scaled, channels that cancel."""

import struct

import numpy as np
import pytest
import soundfile

from t2t_multimodel.errors import BadExampleError, DecodeError
from t2t_multimodel.problems.readers import audio

CANCEL = "channels cancel each other to silence, give one of them"
LOUD = "float samples beyond 1 are cut off, scale the file to [-1, 1]"


def test_speech_tsv(cases, read):
    folder = cases / "sound"
    examples, warnings, dropped = read("speech_tsv", folder, dev_percent=0)
    sounds = {example["meta/id"]: example["inputs"] for example in examples}
    assert set(sounds) == {"right", "sox_pipe", "ffmpeg_pipe", "zero", "loud", "opposite"}
    for name in ("sox_pipe", "ffmpeg_pipe", "zero"):
        np.testing.assert_array_equal(sounds[name], sounds["right"])
    assert dropped == {"truncated audio file": 1}
    assert warnings == [
        f"{folder}/train.tsv: line 5: {folder}/cut.wav: truncated audio file; example dropped",
        f"{folder}/train.tsv: line 6: {folder}/loud.wav: {LOUD}; example kept",
        f"{folder}/train.tsv: line 7: {folder}/opposite.wav: {CANCEL}; example kept",
    ]


def test_decoding(cases, capsys):
    right = audio.read_audio(cases / "sound/right.wav", 16000)
    for name in ("sox_pipe", "ffmpeg_pipe", "zero"):
        np.testing.assert_array_equal(audio.read_audio(cases / f"sound/{name}.wav", 16000), right)
    with pytest.raises(DecodeError, match=r"cut\.wav: truncated audio file; give an intact"):
        audio.read_audio(cases / "sound/cut.wav", 16000)
    assert not capsys.readouterr().err
    for name in ("loud", "opposite"):
        audio.read_audio(cases / f"sound/{name}.wav", 16000)
    audio.read_audio((np.full(1000, 300, np.int32), 16000), 16000)
    assert capsys.readouterr().err.splitlines() == [
        f"warning: {cases}/sound/loud.wav: {LOUD}",
        f"warning: {cases}/sound/opposite.wav: {CANCEL}",
        "warning: audio samples beyond 1 are cut off; scale them to [-1, 1]",
    ]


def sized(data, size, riff=None):
    riff = struct.unpack("<I", data[4:8])[0] if riff is None else riff
    return data[:4] + struct.pack("<I", riff) + data[8:40] + struct.pack("<I", size) + data[44:]


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB, 0xFFFFF000])
def test_sizes_near_2_and_4_gib_are_placeholders(cases, size):
    data = (cases / "sound/right.wav").read_bytes()
    np.testing.assert_array_equal(audio.decode(sized(data, size), 16000), audio.decode(data, 16000))


@pytest.mark.parametrize("size", [40000, 0x10000000, 0x70000000, 0xF0000000])
def test_other_sizes_are_of_truncated_files(cases, size):
    with pytest.raises(BadExampleError, match="truncated"):
        audio.decode(sized((cases / "sound/right.wav").read_bytes(), size), 16000)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "OPUS"])
def test_truncated_files_of_every_form(form, tmp_path):
    tone = 0.5 * np.sin(np.arange(64000) / 5)
    form, kind = ("OGG", "OPUS") if form == "OPUS" else (form, None)
    soundfile.write(tmp_path / "tone", tone, 16000, format=form, subtype=kind)
    data = (tmp_path / "tone").read_bytes()
    assert len(audio.decode(data, 16000)) == 64000
    with pytest.raises(BadExampleError, match="truncated"):
        audio.decode(data[: len(data) * 2 // 3], 16000)


@pytest.mark.parametrize(("form", "at"), [("AIFF", 4), ("AU", 8)])
def test_placeholders_of_other_forms(form, at, tmp_path):
    soundfile.write(tmp_path / "tone", 0.5 * np.sin(np.arange(16000) / 5), 16000, format=form)
    data = (tmp_path / "tone").read_bytes()
    assert len(audio.decode(data[:at] + b"\xff" * 4 + data[at + 4 :], 16000)) == 16000


def test_chunks_after_no_samples_are_not_sound(cases):
    data = (cases / "sound/right.wav").read_bytes()[:44] + b"LIST\4\0\0\0INFO"
    with pytest.raises(BadExampleError, match="no samples"):
        audio.decode(sized(data, 0, riff=len(data) - 8), 16000)


def test_usual_stereo_and_lossy_sound_get_no_warning(tmp_path):
    noise = np.random.default_rng(1).uniform(-1, 1, (16000, 2)).astype(np.float32)
    notes = []
    for form in ("wav", "ogg", "flac"):
        soundfile.write(tmp_path / f"noise.{form}", noise, 16000)
        audio.decode((tmp_path / f"noise.{form}").read_bytes(), 16000, notes.append)
    assert notes == []
