"""Small open stand-ins for ImageNet: Fashion-MNIST and CIFAR-10, from their binary files or through tfds.

Their test sets serve as dev, as in Tensor2Tensor. The pickled form of CIFAR-10 is never read.
"""

from __future__ import annotations

import gzip
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.modalities import ClassLabelSpec, ImageSpec
from t2t_multimodel.problems.readers import image as image_io
from t2t_multimodel.problems.readers.archives import folder_members, tar_members
from t2t_multimodel.problems.readers.layout import nearest
from t2t_multimodel.problems.readers.tfds import tfds_examples
from t2t_multimodel.registry import register_problem

_MAX_FILE_BYTES = 1 << 30
_CIFAR_SHAPE = (3, 32, 32)
_CIFAR_RECORD = 1 + 3 * 32 * 32
_FASHION_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_CIFAR_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class SmallImageProblem(Problem):
    """Ten classes of small pictures, kept lossless as PNG."""

    inputs = ImageSpec(size=32)
    targets = ClassLabelSpec(10)
    options = {"tfds": False}
    tfds_name: str
    class_names: tuple[str, ...]

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Pictures in the order of the files; there is no test split beside dev."""
        if split == "test":
            return
        if {**self.options, **source.options}["tfds"]:
            yield from self._tfds_examples(split, source)
            return
        for pixels, label, where in self.pictures(split, self.require_source(source), source):
            if 0 <= label < len(self.class_names):
                yield {"inputs": image_io.encode_png(pixels), "targets": label}
            else:
                source.drop("label out of range", where)

    def pictures(self, split: str, folder: pathlib.Path, source: Source) -> Iterator[tuple[np.ndarray, int, str]]:
        """Pixels uint8 `[height, width]` or `[height, width, 3]`, label and place of each picture."""
        raise NotImplementedError

    def label_names(self, source: Source) -> list[str]:
        """Names of the ten classes."""
        del source
        return list(self.class_names)

    def _tfds_examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        tfds_split = {"train": "train", "dev": "test"}[split]
        for number, item in enumerate(tfds_examples(self.tfds_name, tfds_split, source, encoded_image=True)):
            try:
                yield {"inputs": image_io.normalise(item["image"])[0], "targets": int(item["label"])}
            except BadExampleError as error:
                source.drop(str(error), f"tfds {self.tfds_name} {tfds_split}: example {number}")


@register_problem("image_fashion_mnist")
class ImageFashionMnist(SmallImageProblem):
    """Fashion-MNIST: 28 x 28 grey pictures of clothes."""

    tfds_name = "fashion_mnist"
    class_names = _FASHION_NAMES
    source_help = (
        "get train-images-idx3-ubyte.gz and its three fellows from github.com/zalandoresearch/fashion-mnist "
        "and give --source_dir=FOLDER, or --problem_options=tfds=true"
    )

    def pictures(self, split: str, folder: pathlib.Path, source: Source) -> Iterator[tuple[np.ndarray, int, str]]:
        """Pixels, label and place of each picture of the two idx files."""
        prefix = {"train": "train", "dev": "t10k"}[split]
        images, path, rest = self._read(folder, f"{prefix}-images-idx3-ubyte", 3, source)
        labels, _, _ = self._read(folder, f"{prefix}-labels-idx1-ubyte", 1, source)
        if rest or len(images) != len(labels):
            count = min(len(images), len(labels))
            source.drop("truncated idx file", f"{path}: picture {count}, offset {16 + images[:count].size}")
        for number, (pixels, label) in enumerate(zip(images, labels, strict=False)):
            yield pixels, int(label), f"{path}: picture {number}"

    def _read(self, folder: pathlib.Path, name: str, rank: int, source: Source) -> tuple[np.ndarray, pathlib.Path, int]:
        path = nearest(folder, f"{name}.gz", name, name.replace("-idx", ".idx"))
        if path is None:
            raise SourceError(f"{folder} holds no {name}.gz; {self.source_help}")
        data, whole = _read_maybe_gzip(path)
        array, missing = parse_idx(data, rank, str(path))
        return array, path, missing or not whole


@register_problem("image_cifar10")
class ImageCifar10(SmallImageProblem):
    """CIFAR-10: 32 x 32 photographs."""

    tfds_name = "cifar10"
    class_names = _CIFAR_NAMES
    source_help = (
        "get cifar-10-binary.tar.gz from cs.toronto.edu/~kriz/cifar.html (the Python version is pickled and not read) "
        "and give --source_dir=FOLDER, or --problem_options=tfds=true"
    )

    def pictures(self, split: str, folder: pathlib.Path, source: Source) -> Iterator[tuple[np.ndarray, int, str]]:
        """Pixels, label and place of each picture of the binary batches."""
        names = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "dev": ("test_batch.bin",)}[split]

        def wanted(name: str) -> bool:
            return name.rpartition("/")[2] in names

        archive = nearest(folder, "cifar-10-binary.tar.gz", "cifar-10-binary*.t*")
        unpacked = nearest(folder, "data_batch_1.bin", "test_batch.bin")
        if archive is None and unpacked is None:
            raise SourceError(f"{folder} holds no cifar-10-binary.tar.gz; {self.source_help}")
        if unpacked is not None:
            members = folder_members(unpacked.parent, source, wanted=wanted)
        else:
            members = tar_members(archive, source, wanted=wanted)
        for member in members:
            for start in range(0, len(member.data), _CIFAR_RECORD):
                record = np.frombuffer(member.data[start : start + _CIFAR_RECORD], np.uint8)
                where = f"{member.where}: record at offset {start}"
                if len(record) < _CIFAR_RECORD:
                    source.drop("truncated record", where)
                    break
                pixels = record[1:].reshape(_CIFAR_SHAPE).transpose(1, 2, 0)  # [height, width, 3]
                yield np.ascontiguousarray(pixels), int(record[0]), where


def parse_idx(data: bytes, rank: int, where: str) -> tuple[np.ndarray, int]:
    """The uint8 array of an idx file, and how many of its items the file lacks.

    Args:
        data: the file's bytes.
        rank: dimensions expected, 1 for labels and 3 for pictures.
        where: its place, for messages.

    Raises:
        SourceError: it is no idx file of that rank.
    """
    header = 4 + 4 * rank
    if len(data) < header or data[:4] != bytes((0, 0, 8, rank)):
        raise SourceError(f"{where} is no idx file of {rank} dimension(s) of bytes; get it again")
    count, *shape = struct.unpack(f">{rank}I", data[4:header])
    size = int(np.prod(shape, dtype=np.int64)) if all(side <= 4096 for side in shape) else 0
    if size < 1:
        raise SourceError(f"{where} has an impossible picture size; get it again")
    there = min(count, (len(data) - header) // size)
    array = np.frombuffer(data, np.uint8, there * size, header).reshape(there, *shape)
    return array, count - there


def _read_maybe_gzip(path: pathlib.Path) -> tuple[bytes, bool]:
    """What can be read of a plain or gzip file, and whether that is all."""
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data, True
    blocks: list[bytes] = []
    try:
        with gzip.open(path) as file:
            while (block := file.read(1 << 16)) and len(blocks) << 16 < _MAX_FILE_BYTES:
                blocks.append(block)
    except (OSError, EOFError, zlib.error):
        return b"".join(blocks), False
    return b"".join(blocks), True
