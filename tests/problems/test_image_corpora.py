"""Tests of the image problems: corpora in the official layouts, and small ones written here."""

import gzip
import io
import json
import pathlib
import shutil
import struct
import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError


def read(name: str, folder: pathlib.Path, split: str, **options):
    lines: list[str] = []
    source = Source(source_dir=folder, options=options, warn=lines.append)
    return list(registry.problem(name).examples(split, source)), source, lines


def jpeg(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (level, level, level)).save(buffer, "JPEG")
    return buffer.getvalue()


def imagenet_files(folder: pathlib.Path, corpora: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        shutil.copy(corpora / "images" / name, folder)
    return folder


def test_imagenet_train(corpora_dir):
    train, source, lines = read("image_imagenet", corpora_dir / "images", "train")
    assert Counter(example["targets"] for example in train) == dict.fromkeys(range(10), 1200)
    assert not source.dropped and not lines
    by_synset = {example["meta/synset"]: example["targets"] for example in train}
    names = registry.problem("image_imagenet").label_names(source)
    assert names[by_synset["n03595614"]] == "jersey, T-shirt, tee shirt"
    assert names[by_synset["n03472535"]] == "gym shoe, sneaker, tennis shoe"


def test_imagenet_dev_labels_agree_whatever_they_come_from(corpora_dir, tmp_path):
    official = imagenet_files(tmp_path, corpora_dir, "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")
    by_list, source, _ = read("image_imagenet", corpora_dir / "images", "dev")
    by_devkit, official_source, _ = read("image_imagenet", official, "dev")
    assert len(by_list) == 2000 and not source.dropped
    assert by_list == by_devkit
    problem = registry.problem("image_imagenet")
    assert problem.label_names(source) == problem.label_names(official_source)
    assert read("image_imagenet", official, "test")[0] == []


def test_imagenet_bad_members(corpora_dir, tmp_path):
    bad = corpora_dir / "bad/images"
    shutil.copy(bad / "ILSVRC2012_img_train_bad_members.tar", tmp_path / "ILSVRC2012_img_train.tar")
    shutil.copy(bad / "ILSVRC2012_img_val_truncated.tar", tmp_path / "ILSVRC2012_img_val.tar")
    imagenet_files(
        tmp_path, corpora_dir, "imagenet_lsvrc_2015_synsets.txt", "imagenet_2012_validation_synset_labels.txt"
    )
    train, source, lines = read("image_imagenet", tmp_path, "train")
    assert len(train) == 7 and {example["targets"] for example in train} == {5}
    assert source.dropped == {"truncated image": 1, "empty image": 1}
    for member in ("n03595614_90.JPEG", "n03595614_94.JPEG"):
        assert any("ILSVRC2012_img_train.tar" in line and f"{member}, offset" in line for line in lines)
    dev, source, lines = read("image_imagenet", tmp_path, "dev")
    assert len(dev) == 10 and source.dropped == {"truncated archive": 1}
    assert "n03595614_11.JPEG, offset 15360" in lines[0]


def test_imagenet_unpacked_and_without_synset_list(tmp_path):
    for split, count in (("train", 2), ("val", 1)):
        for synset in ("n00000007", "n00000003"):
            folder = tmp_path / "ILSVRC" / split / synset
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"ILSVRC2012_{split}_0000000{number}.JPEG").write_bytes(jpeg(number))
    train, _, _ = read("image_imagenet", tmp_path, "train")
    assert [(e["targets"], e["meta/synset"]) for e in train] == [(0, "n00000003")] * 2 + [(1, "n00000007")] * 2
    assert [e["targets"] for e in read("image_imagenet", tmp_path, "dev")[0]] == [0, 1]


def test_imagenet_val_without_labels_is_one_error(corpora_dir, tmp_path):
    folder = imagenet_files(tmp_path, corpora_dir, "ILSVRC2012_img_val.tar", "imagenet_lsvrc_2015_synsets.txt")
    with pytest.raises(SourceError, match="labels of the validation images"):
        read("image_imagenet", folder, "dev")


def test_imagenet_unknown_synset_is_dropped(tmp_path):
    (tmp_path / "train/n00000001").mkdir(parents=True)
    (tmp_path / "train/n00000001/a.JPEG").write_bytes(jpeg(1))
    (tmp_path / "imagenet_lsvrc_2015_synsets.txt").write_text("n00000002\n")
    train, source, _ = read("image_imagenet", tmp_path, "train")
    assert not train and source.dropped == {"synset that is not in the list of classes": 1}


def test_captions_counts_and_samples(corpora_dir):
    train, source, _ = read("image_coco_captions", corpora_dir / "captions", "train")
    assert len(train) == 2830 and not source.dropped
    assert [e["targets"] for e in train[:2]] == ["monorail", "pill"]
    with zipfile.ZipFile(corpora_dir / "captions/train2014.zip") as archive:
        assert train[0]["inputs"] == archive.read("train2014/COCO_train2014_000000000001.jpg")
    dev, _, _ = read("image_coco_captions", corpora_dir, "dev")
    assert len(dev) == 338 and len({e["meta/image_id"] for e in dev}) == 338
    assert read("image_coco_captions", corpora_dir / "captions", "test")[0] == []


def test_captions_missing_image(corpora_dir):
    dev, source, lines = read("image_coco_captions", corpora_dir / "bad/captions", "dev")
    assert [e["targets"] for e in dev] == ["first", "second"]
    assert source.dropped == {"image file is missing": 1, "caption of an image that is not listed": 1}
    assert any("599999" in line for line in lines) and any("600000" in line for line in lines)


def coco_folder(folder: pathlib.Path, annotations: object) -> pathlib.Path:
    (folder / "train2014").mkdir()
    for number in (1, 2):
        (folder / f"train2014/{number}.jpg").write_bytes(jpeg(number) if number == 1 else b"broken")
    (folder / "annotations").mkdir()
    (folder / "annotations/captions_train2014.json").write_text(json.dumps(annotations))
    return folder


def test_captions_unpacked_with_several_captions(tmp_path):
    images = [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}, {"id": "x"}]
    captions = [(1, "a b\n"), (2, "lost"), (1, "c"), (2, "lost"), (1, " ")]
    entries = [{"image_id": image, "caption": text} for image, text in captions]
    train, source, _ = read(
        "image_coco_captions", coco_folder(tmp_path, {"images": images, "annotations": entries}), "train"
    )
    assert [(e["targets"], e["meta/image_id"]) for e in train] == [("a b", 1), ("c", 1)]
    assert source.dropped == {"unknown image format": 2, "malformed image entry": 1, "malformed annotation": 1}


@pytest.mark.parametrize("annotations", [[], {"images": []}, "text", {"images": {}, "annotations": []}])
def test_captions_wrong_json(tmp_path, annotations):
    with pytest.raises(SourceError, match="images"):
        read("image_coco_captions", coco_folder(tmp_path, annotations), "train")


def test_captions_image_outside_the_folder_is_refused(tmp_path):
    annotations = {"images": [{"id": 1, "file_name": "../../x.jpg"}], "annotations": [{"image_id": 1, "caption": "a"}]}
    (tmp_path / "x.jpg").write_bytes(jpeg(1))
    (tmp_path / "inner").mkdir()
    with pytest.raises(SourceError, match="parent path"):
        read("image_coco_captions", coco_folder(tmp_path / "inner", annotations), "train")


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def fashion_folder(folder: pathlib.Path, images: bytes, labels: bytes) -> pathlib.Path:
    (folder / "train-images-idx3-ubyte.gz").write_bytes(images)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(labels)
    return folder


def test_fashion_mnist(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    labels = np.array([3, 9, 0, 12, 1], np.uint8)
    folder = fashion_folder(tmp_path, gzip.compress(idx(pixels)), gzip.compress(idx(labels)))
    train, source, _ = read("image_fashion_mnist", folder, "train")
    assert [e["targets"] for e in train] == [3, 9, 0, 1] and source.dropped == {"label out of range": 1}
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(train[1]["inputs"]))), pixels[1])
    folder = fashion_folder(folder, idx(pixels)[: 16 + 2 * 784 + 5], idx(labels))
    train, source, lines = read("image_fashion_mnist", folder, "train")
    assert len(train) == 2 and source.dropped == {"truncated idx file": 1} and "offset 1584" in lines[0]
    folder = fashion_folder(folder, b"no idx", idx(labels))
    with pytest.raises(SourceError, match="not an idx file"):
        read("image_fashion_mnist", folder, "train")


def test_cifar10_binary_archive(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)
    batch = b"".join(bytes([label]) + image.tobytes() for label, image in zip((1, 7, 4), pixels, strict=True))
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in ("data_batch_1.bin", "test_batch.bin", "batches.meta.txt"):
            data = batch[:-10] if name.startswith("test") else batch
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    train, source, _ = read("image_cifar10", tmp_path, "train")
    assert [e["targets"] for e in train] == [1, 7, 4] and not source.dropped
    image = np.asarray(Image.open(io.BytesIO(train[2]["inputs"])))
    np.testing.assert_array_equal(image, pixels[2].transpose(1, 2, 0))
    dev, source, _ = read("image_cifar10", tmp_path, "dev")
    assert len(dev) == 2 and source.dropped == {"truncated record": 1}


def test_pickled_cifar10_is_not_read(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    with pytest.raises(SourceError, match="pickled and not read"):
        read("image_cifar10", tmp_path, "train")


def test_strict_stops_at_a_bad_picture(tmp_path):
    (tmp_path / "train/n00000001").mkdir(parents=True)
    (tmp_path / "train/n00000001/a.JPEG").write_bytes(jpeg(1)[:50])
    with pytest.raises(BadExampleError, match=r"a\.JPEG"):
        list(registry.problem("image_imagenet").examples("train", Source(source_dir=tmp_path, strict=True)))


@pytest.mark.parametrize(
    "name",
    ["image_imagenet", "image_coco_captions", "image_fashion_mnist", "image_cifar10", "image_folder", "caption_tsv"],
)
def test_missing_corpus_is_a_source_error(name, tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(SourceError):
            list(registry.problem(name).examples("train", Source(source_dir=folder)))


def test_prepare_input_reads_pictures_by_path(corpora_dir):
    problem = registry.problem("image_coco_captions")
    path = corpora_dir / "bad/images/one_pixel.JPEG"
    assert problem.prepare_input(str(path)) == path.read_bytes()
