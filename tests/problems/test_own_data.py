"""Tests of the problems for your own images, captions and speech."""

import io
import pathlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import MultiModelError


def read(name: str, folder: pathlib.Path, split: str, **options):
    source = Source(source_dir=folder, options=options, warn=lambda line: None)
    return list(registry.problem(name).examples(split, source)), source


def picture(folder: pathlib.Path, name: str, level: int = 0) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 3), (level, 0, 0)).save(path)


def test_image_folder_with_splits(tmp_path):
    for name in ("train/cat/1.jpg", "train/cat/2.png", "train/ant/3.gif", "dev/cat/4.jpg", "test/ant/5.jpg"):
        picture(tmp_path, name)
    (tmp_path / "train/cat/bad.jpg").write_bytes(b"no picture")
    (tmp_path / "train/cat/notes.txt").write_bytes(b"left alone")
    train, source = read("image_folder", tmp_path, "train")
    assert [e["targets"] for e in train] == [0, 1, 1]
    assert source.dropped == {"unknown image format": 1, "file whose name is not that of an image": 1}
    assert [e["targets"] for e in read("image_folder", tmp_path, "dev")[0]] == [1]
    assert [e["targets"] for e in read("image_folder", tmp_path, "test")[0]] == [0]
    assert registry.problem("image_folder").label_names(source) == ["ant", "cat"]


def test_image_folder_without_splits_is_divided(tmp_path):
    for number in range(60):
        picture(tmp_path, f"class{number % 2}/{number}.png", number)
    train, dev = (read("image_folder", tmp_path, split, dev_percent=25)[0] for split in ("train", "dev"))
    assert len(train) + len(dev) == 60 and 5 <= len(dev) <= 25
    assert not {e["inputs"] for e in train} & {e["inputs"] for e in dev}
    assert read("image_folder", tmp_path, "test")[0] == []
    with pytest.raises(MultiModelError, match="dev_percent"):
        read("image_folder", tmp_path, "train", dev_percent=100)


def test_caption_tsv(tmp_path):
    picture(tmp_path, "pictures/a.jpg")
    lines = [
        "pictures/a.jpg\tone caption",
        "pictures/a.jpg\tanother ünlaut\r",
        "none.jpg\tlost",
        "no tab",
        "a\tb\tc",
        "",
    ]
    (tmp_path / "train.tsv").write_bytes("\n".join(lines).encode() + b"\npictures/a.jpg\t\xff\n")
    (tmp_path / "dev.tsv").write_text("pictures/a.jpg\tdev\n")
    train, source = read("caption_tsv", tmp_path, "train")
    assert [(e["targets"], e["meta/image_id"]) for e in train] == [("one caption", 0), ("another ünlaut", 0)]
    assert source.dropped == {
        "missing or unreadable file": 1,
        "line that is not path, tab, text": 2,
        "invalid UTF-8": 1,
    }
    assert [e["targets"] for e in read("caption_tsv", tmp_path, "dev")[0]] == ["dev"]


def test_speech_tsv(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(4000), 8000, format="WAV")
    (tmp_path / "a.wav").write_bytes(buffer.getvalue())
    (tmp_path / "b.wav").write_bytes(buffer.getvalue()[:-100])
    (tmp_path / "train.tsv").write_text("a.wav\thello\nb.wav\tcut\na.wav\tagain\n")
    (tmp_path / "dev.tsv").write_text("a.wav\thello\n")
    train, source = read("speech_tsv", tmp_path, "train")
    assert [e["targets"] for e in train] == ["hello", "again"]
    assert train[0]["inputs"].dtype == np.float32 and abs(len(train[0]["inputs"]) - 8000) <= 1
    assert source.dropped == {"truncated audio file": 1}
    assert len(read("speech_tsv", tmp_path, "dev", max_seconds=0.1)[0]) == 0
