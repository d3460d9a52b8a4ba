"""Mutated input: the readers of audio, images and their corpora raise only the project's errors."""

import functools
import io
import json
import pathlib
import random
import tarfile
import zipfile

import numpy as np
import pytest
import soundfile
from PIL import Image

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.problems import image_small, speech_librispeech, speech_wsj
from t2t_multimodel.problems.image_coco_captions import parse_annotations
from t2t_multimodel.problems.readers import audio as audio_io
from t2t_multimodel.problems.readers import image as image_io
from t2t_multimodel.problems.readers.archives import Member, tar_members
from t2t_multimodel.problems.readers.matlab import read_struct_array
from t2t_multimodel.problems.readers.zips import ZipReader
from tests.mutation import FAST, SLOW, mutate


def quiet() -> Source:
    return Source(warn=lambda line: line.encode("utf-8"))


@functools.cache
def picture_seeds() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    seeds = []
    for form in ("JPEG", "JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        buffer = io.BytesIO()
        (image.convert("CMYK") if form == "JPEG" and seeds else image).save(buffer, form)
        seeds.append(buffer.getvalue())
    return seeds


@functools.cache
def sound_seeds() -> list[bytes]:
    samples = np.random.default_rng(0).normal(size=2000) * 0.1
    seeds = []
    for form in ("WAV", "FLAC", "OGG"):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, 16000, format=form)
        seeds.append(buffer.getvalue())
    return seeds


def read_tar(data: bytes, folder: pathlib.Path) -> None:
    (folder / "a.tar").write_bytes(data)
    for member in tar_members(folder / "a.tar", quiet(), nested=True):
        assert len(member.data) < 1 << 20


def read_zip(data: bytes, folder: pathlib.Path) -> None:
    (folder / "a.zip").write_bytes(data)
    reader = ZipReader(folder / "a.zip", quiet())
    for name in reader.names():
        reader.where(name).encode("utf-8", "replace")
        try:
            reader.read(name)
        except BadExampleError:
            continue


def read_lists(data: bytes, folder: pathlib.Path) -> None:
    member = Member(name="a", data=data, where="a")
    speech_librispeech.parse_transcripts(member, quiet())
    speech_wsj.parse_index(member, quiet())
    for text in speech_wsj.parse_transcripts(member, quiet()).values():
        for mode in ("word", "keep", "remove"):
            speech_wsj.normalise_transcript(text, "<NOISE>", mode)


def read_cifar10(data: bytes, folder: pathlib.Path) -> None:
    (folder / "data_batch_1.bin").write_bytes(data)
    problem, source = image_small.ImageCifar10(), Source(source_dir=folder, warn=lambda line: line.encode("utf-8"))
    records = len(data) / 3073
    examples = list(problem.examples("train", source))
    assert len(examples) + source.dropped.get("label out of range", 0) == int(records)
    assert source.dropped.get("truncated record", 0) == (records != int(records))
    assert all(0 <= example["targets"] < 10 for example in examples)


def tar_seed() -> bytes:
    inner, outer = io.BytesIO(), io.BytesIO()
    for buffer, files in ((inner, {"n1_1.JPEG": b"1" * 700, "x" * 130: b"2"}), (outer, {"n1.tar": inner})):
        with tarfile.open(
            fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT if buffer is inner else tarfile.GNU_FORMAT
        ) as tar:
            for name, content in files.items():
                content = content.getvalue() if isinstance(content, io.BytesIO) else content
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return outer.getvalue()


def zip_seed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("val2014/a.jpg", b"a" * 500)
        archive.writestr("val2014/b.jpg", bytes(range(256)))
    return buffer.getvalue()


LISTS = b"THE [noise] ,COMMA <and> *x* (460c0201)\nA (b)\n13_1_1:wsj1/si_tr_s/460/460c0201.wv1\n1-2-3 HELLO\n"
JSON = {"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "caption": "b"}]}
IDX = bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4)) + bytes(32)
READERS = {
    "pictures": (lambda data, _: image_io.normalise(data), picture_seeds),
    "sound": (lambda data, _: audio_io.decode(data, 16000), sound_seeds),
    "tar": (read_tar, lambda: [tar_seed()]),
    "zip": (read_zip, lambda: [zip_seed(), zip_seed()[:-60]]),
    "annotations": (lambda data, _: parse_annotations(data, "a", quiet()), lambda: [json.dumps(JSON).encode()]),
    "idx": (lambda data, _: image_small.parse_idx(data, 3, "a"), lambda: [IDX]),
    "cifar10": (read_cifar10, lambda: [bytes([7]) + bytes(3072) + bytes([3]) + bytes(range(256)) * 12]),
    "lists": (read_lists, lambda: [LISTS]),
}


def fuzz(read, seeds: list[bytes], folder: pathlib.Path, count: int) -> None:
    rng = random.Random(0)
    refused = 0
    for _ in range(count):
        data = mutate(rng.choice(seeds), rng)
        try:
            read(data, folder)
        except (BadExampleError, SourceError) as error:
            assert "\n" not in str(error)
            refused += 1
    assert read in (read_lists, read_tar, read_cifar10) or refused


@pytest.mark.parametrize("name", READERS)
def test_mutated_input(name, tmp_path):
    read, seeds = READERS[name]
    fuzz(read, seeds(), tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_mutated_inputs(name, tmp_path):
    read, seeds = READERS[name]
    fuzz(read, seeds(), tmp_path, SLOW)


def corpus_readers(corpora_dir: pathlib.Path) -> dict:
    bad = corpora_dir / "bad/speech"
    with tarfile.open(corpora_dir / "images/ILSVRC2012_devkit_t12.tar.gz") as archive:
        meta = archive.extractfile("ILSVRC2012_devkit_t12/data/meta.mat").read()
    pcm = (bad / "lying_header.wv1").read_bytes().replace(b"-i 34048", b"-i 17024")
    shorten = (bad / "cut_shorten.wv1").read_bytes().replace(b"sample_count -i 17024", b"sample_count -i 8448 ")
    return {
        "sphere": (lambda data, _: audio_io.decode(data, 16000), [pcm, shorten]),
        "meta.mat": (lambda data, _: read_struct_array(data, "synsets"), [meta]),
    }


@pytest.mark.parametrize("name", ["sphere", "meta.mat"])
def test_mutated_corpus_files(name, tmp_path, corpora_dir):
    read, seeds = corpus_readers(corpora_dir)[name]
    for seed in seeds:
        read(seed, tmp_path)
    fuzz(read, seeds, tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sphere", "meta.mat"])
def test_ten_thousand_mutated_corpus_files(name, tmp_path, corpora_dir):
    read, seeds = corpus_readers(corpora_dir)[name]
    fuzz(read, seeds, tmp_path, SLOW)
