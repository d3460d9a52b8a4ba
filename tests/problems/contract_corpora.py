"""Small corpora in their official layouts, one for each registered problem: what the contract test reads.

Each function writes a corpus into a folder and returns the problem's options, ``name=value,name=value``.
"""

import functools
import gzip
import io
import json
import pathlib
import struct
import tarfile
import wave
import zipfile
from collections.abc import Callable

import numpy as np
import soundfile
from PIL import Image

TRAIN, DEV = 12, 4
_SUBJECTS = ("the cat", "a dog", "my house", "one bird", "the old man", "a small ship")
_VERBS = ("sees", "likes", "finds", "paints")
_SYNSETS = ("n00000003", "n00000007", "n00000012")


def sentence(number: int, mark: str = "") -> str:
    subject, verb = _SUBJECTS[number % 6], _VERBS[number % 4]
    return f"{subject} {verb} {_SUBJECTS[(number + 2) % 6]} {mark}".strip()


def write(path: pathlib.Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def lines(texts) -> str:
    return "".join(f"{text}\n" for text in texts)


def picture(number: int, form: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def samples(number: int) -> np.ndarray:
    return (np.sin(np.arange(6400 + 400 * number) * (0.05 + 0.01 * number)) * 8000).astype("<i2")


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def mini(folder: pathlib.Path) -> str:
    return f"train_examples={TRAIN},dev_examples={DEV},test_examples=0"


def treebank(folder: pathlib.Path) -> str:
    for section, count in (("02", TRAIN), ("22", DEV), ("23", DEV)):
        trees = [
            f"( (S (NP-SBJ (DT the) (NN cat{number}) )\n    (VP (VBZ sees) (NP (DT a) (NN dog) ) ) (. .) ))"
            for number in range(count)
        ]
        write(folder / f"treebank_3/parsed/mrg/wsj/{section}/wsj_{section}00.mrg", lines(trees))
    return ""


def wmt(folder: pathlib.Path, first: str, second: str) -> str:
    for stem, count in ((f"europarl-v7.{first}-{second}", TRAIN), ("newstest2013", DEV), ("newstest2014", DEV)):
        for language in (first, second):
            write(folder / f"{stem}.{language}", lines(sentence(i, f"({language})") for i in range(count)))
    return ""


def sphere(number: int) -> bytes:
    sound = samples(number)
    header = f"NIST_1A\n   1024\nsample_count -i {len(sound)}\nsample_rate -i 16000\nend_head\n"
    return header.encode().ljust(1024) + sound.tobytes()


def wsj_discs(folder: pathlib.Path) -> str:
    sets = (
        ("si_tr_s", "46a", TRAIN, "13-34.1/wsj1/doc/indices/si_tr_s.ndx"),
        ("si_dt_20", "4k0", DEV, "13-34.1/wsj1/doc/indices/h1_p0.ndx"),
    )
    for name, speaker, count, index in sets:
        ids = [f"{speaker}c02{number:02d}" for number in range(count)]
        write(folder / index, lines(f"13_1_1:wsj1/{name}/{speaker}/{utterance}.wv1" for utterance in ids))
        dots = lines(f"{sentence(number)} ,COMMA ({utterance})" for number, utterance in enumerate(ids))
        write(folder / f"13-34.1/wsj1/trans/wsj1/{name}/{speaker}/{speaker}c0200.dot", dots)
        for number, utterance in enumerate(ids):
            write(folder / f"13-1.1/wsj1/{name}/{speaker}/{utterance}.wv1", sphere(number))
    return ""


def librispeech(folder: pathlib.Path) -> str:
    for name, chapter, count in (("train-clean-100", 8, TRAIN), ("dev-clean", 9, DEV)):
        members = {}
        for number in range(count):
            buffer = io.BytesIO()
            soundfile.write(buffer, samples(number), 16000, format="FLAC")
            members[f"LibriSpeech/{name}/7/{chapter}/7-{chapter}-{number:04d}.flac"] = buffer.getvalue()
        text = lines(f"7-{chapter}-{number:04d} {sentence(number).upper()}" for number in range(count))
        members[f"LibriSpeech/{name}/7/{chapter}/7-{chapter}.trans.txt"] = text.encode()
        write(folder / f"{name}.tar.gz", tar(members, "w:gz"))
    return ""


def own_speech(folder: pathlib.Path) -> str:
    for split, count in (("train", TRAIN), ("dev", DEV)):
        for number in range(count):
            buffer = io.BytesIO()
            with wave.open(buffer, "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes(samples(number).tobytes())
            write(folder / f"{split}{number}.wav", buffer.getvalue())
        write(folder / f"{split}.tsv", lines(f"{split}{number}.wav\t{sentence(number)}" for number in range(count)))
    return ""


def imagenet(folder: pathlib.Path) -> str:
    inner = {
        f"{synset}.tar": tar({f"{synset}_{number}.JPEG": picture(number) for number in range(TRAIN // 3)})
        for synset in _SYNSETS
    }
    write(folder / "ILSVRC2012_img_train.tar", tar(inner))
    val = {f"ILSVRC2012_val_{number + 1:08d}.JPEG": picture(number) for number in range(DEV)}
    write(folder / "ILSVRC2012_img_val.tar", tar(val))
    write(folder / "imagenet_lsvrc_2015_synsets.txt", lines(_SYNSETS))
    labels = lines(_SYNSETS[number % 3] for number in range(DEV))
    write(folder / "imagenet_2012_validation_synset_labels.txt", labels)
    return ""


def coco(folder: pathlib.Path) -> str:
    annotations = {}
    for split, count in (("train2014", TRAIN), ("val2014", DEV)):
        names = [f"COCO_{split}_{number:012d}.jpg" for number in range(count)]
        write(folder / f"{split}.zip", zipped({f"{split}/{name}": picture(i) for i, name in enumerate(names)}))
        content = {
            "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
            "annotations": [
                {"image_id": number, "caption": sentence(number + more)} for number in range(count) for more in (0, 1)
            ],
        }
        annotations[f"annotations/captions_{split}.json"] = json.dumps(content).encode()
    write(folder / "annotations_trainval2014.zip", zipped(annotations))
    return ""


def fashion_mnist(folder: pathlib.Path) -> str:
    for prefix, count in (("train", TRAIN), ("t10k", DEV)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for name, array in (("images-idx3", pixels), ("labels-idx1", np.arange(count, dtype=np.uint8) % 10)):
            header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            write(folder / f"{prefix}-{name}-ubyte.gz", gzip.compress(header + array.tobytes()))
    return ""


def cifar10(folder: pathlib.Path) -> str:
    members = {}
    for name, count in (("data_batch_1.bin", TRAIN), ("test_batch.bin", DEV)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 3072), dtype=np.uint8)
        members[f"cifar-10-batches-bin/{name}"] = b"".join(
            bytes([number % 10]) + row.tobytes() for number, row in enumerate(pixels)
        )
    write(folder / "cifar-10-binary.tar.gz", tar(members, "w:gz"))
    return ""


def own_pictures(folder: pathlib.Path) -> str:
    for split, count in (("train", TRAIN), ("dev", DEV)):
        for number in range(count):
            write(folder / split / ("ant", "bee")[number % 2] / f"{number}.png", picture(number, "PNG"))
    return ""


def own_captions(folder: pathlib.Path) -> str:
    for split, count in (("train", TRAIN), ("dev", DEV)):
        for number in range(count):
            write(folder / f"{split}{number}.jpg", picture(number))
        write(folder / f"{split}.tsv", lines(f"{split}{number}.jpg\t{sentence(number)}" for number in range(count)))
    return ""


def own_text(folder: pathlib.Path) -> str:
    for split, count in (("train", TRAIN), ("dev", DEV)):
        write(folder / f"{split}.tsv", lines(f"{sentence(i)}\t{sentence(i).upper()}" for i in range(count)))
    return ""


def _translations() -> dict[str, Callable[[pathlib.Path], str]]:
    pairs = {"ende": ("de", "en"), "enfr": ("fr", "en"), "defr": ("de", "fr")}
    pairs |= {"deen": pairs["ende"], "fren": pairs["enfr"]}
    return {f"translate_{name}": functools.partial(wmt, first=a, second=b) for name, (a, b) in pairs.items()}


_MINI = ["mini_image_class", "mini_caption", "mini_speech", "mini_parsing"]
_MINI += [f"mini_translate_{pair}" for pair in ("ende", "deen", "enfr", "fren", "defr")]

CORPORA: dict[str, Callable[[pathlib.Path], str]] = {
    **dict.fromkeys(_MINI, mini),
    **_translations(),
    "wsj_parsing": treebank,
    "speech_wsj": wsj_discs,
    "speech_librispeech": librispeech,
    "speech_tsv": own_speech,
    "image_imagenet": imagenet,
    "image_coco_captions": coco,
    "image_fashion_mnist": fashion_mnist,
    "image_cifar10": cifar10,
    "image_folder": own_pictures,
    "caption_tsv": own_captions,
    "text2text_folder": own_text,
}
