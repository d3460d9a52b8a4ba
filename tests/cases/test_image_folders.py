"""Folders of pictures: the names people use, and files and classes that no rule takes."""

import shutil
from collections import Counter

import pytest

from t2t_multimodel.errors import BadExampleError, SourceError


def labels(examples):
    return Counter(example["targets"] for example in examples)


def test_val_is_dev(cases, read):
    folder = cases / "folders/val"
    assert labels(read("image_folder", folder)[0]) == {0: 12, 1: 12}
    assert labels(read("image_folder", folder, "dev")[0]) == {0: 6, 1: 6}
    assert read("image_folder", folder, "train", strict=True)[1:] == ([], {})


@pytest.mark.parametrize("name", ["valid", "validation", "Val", "dev"])
def test_other_names_of_dev(cases, read, tmp_path, name):
    shutil.copytree(cases / "folders/val/train", tmp_path / "Training")
    shutil.copytree(cases / "folders/val/val", tmp_path / name)
    assert labels(read("image_folder", tmp_path)[0]) == {0: 12, 1: 12}
    assert labels(read("image_folder", tmp_path, "dev")[0]) == {0: 6, 1: 6}
    shutil.copytree(cases / "folders/val/val", tmp_path / "VALID_", dirs_exist_ok=True)
    (tmp_path / "VALID_").rename(tmp_path / ("val" if name != "Val" else "dev"))
    with pytest.raises(SourceError, match="both exist for dev; keep one"):
        read("image_folder", tmp_path)


def test_classes_named_valid_and_invalid(cases, read, tmp_path):
    for name in ("valid", "invalid"):
        shutil.copytree(cases / "folders/val/train/cat", tmp_path / name)
    assert labels(read("image_folder", tmp_path, dev_percent=0)[0]) == {0: 12, 1: 12}


def test_files_that_no_rule_takes(cases, read):
    folder = cases / "folders/deeper/train"
    examples, warnings, dropped = read("image_folder", cases / "folders/deeper", dev_percent=0)
    deeper, other = "image in a folder below its class folder", "file whose name is not that of an image"
    assert labels(examples) == {0: 12, 1: 12}
    assert dropped == {deeper: 12, other: 12}
    assert warnings == [
        *(f"{folder}/cat/more/{number}.jpg: {deeper}; example dropped" for number in (0, 1, 10)),
        *(f"{folder}/dog/{number}.heic: {other}; example dropped" for number in (0, 1, 10)),
        f"{deeper}: 12 times, first at {folder}/cat/more/0.jpg; only the first 3 are shown",
        f"{other}: 12 times, first at {folder}/dog/0.heic; only the first 3 are shown",
    ]
    assert read("image_folder", cases / "folders/deeper", "dev", dev_percent=50)[2] == {}
    with pytest.raises(BadExampleError, match=r"cat/more/0\.jpg: image in a folder below"):
        read("image_folder", cases / "folders/deeper", strict=True)


def test_classes_that_no_rule_takes(cases, read):
    folder = cases / "folders/devclass"
    examples, warnings, dropped = read("image_folder", folder)
    assert labels(examples) == {0: 12, 1: 12}
    assert dropped == {"class folder without images": 1}
    assert warnings == [f"{folder}/train/empty: class folder without images; the class has no examples"]
    examples, warnings, dropped = read("image_folder", folder, "dev")
    assert labels(examples) == {0: 4, 1: 4}
    assert dropped == {"class that the train split does not have": 4}
    assert warnings[0] == f"{folder}/dev/bird/0.jpg: class that the train split does not have; example dropped"
    with pytest.raises(BadExampleError, match=r"train/empty: class folder without images"):
        read("image_folder", folder, strict=True)
    with pytest.raises(BadExampleError, match=r"dev/bird/0\.jpg: class that the train split"):
        read("image_folder", folder, "dev", strict=True)


def test_what_lies_beside_the_folders(cases, read, tmp_path):
    shutil.copytree(cases / "folders/val", tmp_path, dirs_exist_ok=True)
    (tmp_path / "README.txt").write_text("notes")
    (tmp_path / "train/.DS_Store").write_text("")
    shutil.copytree(cases / "folders/val/val/cat", tmp_path / "extra")
    shutil.copy(cases / "folders/val/val/cat/0.jpg", tmp_path / "train/lost.jpg")
    _, warnings, dropped = read("image_folder", tmp_path)
    assert dropped == {
        "image outside of a class folder": 1,
        "hidden file": 1,
        "other file beside the class folders": 1,
    }
    assert warnings == [
        f"{tmp_path}/train/lost.jpg: image outside of a class folder; example dropped",
        f"{tmp_path}/extra: folder that is no split; folder left out",
    ]


def test_lists_and_texts_have_the_same_names(cases, read, tmp_path):
    shutil.copy(cases / "pictures/grey8.png", tmp_path)
    (tmp_path / "train.tsv").write_text("grey8.png\tone\n" * 3)
    (tmp_path / "validation.tsv").write_text("grey8.png\ttwo\n")
    assert [example["targets"] for example in read("caption_tsv", tmp_path, "dev")[0]] == ["two"]
    assert len(read("caption_tsv", tmp_path)[0]) == 3
    (tmp_path / "text").mkdir()
    for name, text in (("train", "go"), ("val", "run")):
        (tmp_path / f"text/{name}.inputs.txt").write_text(text)
        (tmp_path / f"text/{name}.targets.txt").write_text(text.upper())
    assert read("text2text_folder", tmp_path / "text", "dev")[0] == [{"inputs": "run", "targets": "RUN"}]
