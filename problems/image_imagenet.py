"""ImageNet, ILSVRC2012: the official tars, streamed in place, and the labels beside them.

Labels are places in the sorted list of synsets, as in Keras and Tensor2Tensor, not ILSVRC2012_IDs.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.modalities import ClassLabelSpec, ImageSpec
from t2t_multimodel.problems.readers import image as image_io
from t2t_multimodel.problems.readers.archives import Member, folder_members, tar_members
from t2t_multimodel.problems.readers.layout import nearest, text_of
from t2t_multimodel.problems.readers.matlab import read_struct_array
from t2t_multimodel.registry import register_problem

_CLASSES = 1000
_SYNSET = re.compile(r"n\d{8}")
_VAL_NUMBER = re.compile(r"ILSVRC2012_val_(\d{8})\.", re.IGNORECASE)
_TRAIN_TARS = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_train_[!t]*.tar")
_VAL_TARS = ("ILSVRC2012_img_val.tar", "ILSVRC2012_img_val_*.tar")
_SYNSET_LIST = "imagenet_lsvrc_2015_synsets.txt"
_VAL_SYNSETS = "imagenet_2012_validation_synset_labels.txt"
_GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
_IMAGES = (".jpeg", ".jpg", ".png")


@register_problem("image_imagenet")
class ImageImagenet(Problem):
    """Photographs of 1000 classes. The official test labels are not public: there is no test split."""

    inputs = ImageSpec(size=224)
    targets = ClassLabelSpec(_CLASSES)
    source_help = (
        "get ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz from image-net.org "
        "and give --source_dir=FOLDER"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Pictures in the order of their files: by synset in train, by number in dev."""
        folder = self.require_source(source)
        if split == "test":
            return
        members = _train_members(folder, source) if split == "train" else _val_members(folder, source)
        labels = {synset: label for label, synset in enumerate(synsets(folder, source))}
        synset_of = _synset_of_train if split == "train" else _synset_of_val(folder, source)
        for member in members:
            synset = synset_of(member)
            if synset not in labels:
                reason = "no label" if synset is None else "synset that is not in the list of classes"
                source.drop(reason, member.where)
                continue
            try:
                data, _ = image_io.normalise(member.data)
            except BadExampleError as error:
                source.drop(str(error), member.where)
                continue
            yield {"inputs": data, "targets": labels[synset], "meta/synset": synset}

    def label_names(self, source: Source) -> list[str]:
        """English names of the classes, from imagenet_metadata.txt or the devkit, else the synsets' ids."""
        folder = self.require_source(source)
        known = {}
        path = nearest(folder, "imagenet_metadata.txt")
        if path is not None:
            lines = (line.split("\t", 1) for line in text_of(path.read_bytes()).splitlines())
            known = {parts[0].strip(): parts[1].strip() for parts in lines if len(parts) == 2}
        else:
            known = {record["WNID"]: record["words"] for record in _devkit_records(folder, source)}
        return [known.get(synset) or synset for synset in synsets(folder, source)]


def synsets(folder: pathlib.Path, source: Source) -> list[str]:
    """WordNet ids of the classes, in the order of their labels.

    They come from imagenet_lsvrc_2015_synsets.txt, else sorted from the devkit's meta.mat, else sorted from the
    train set itself; the three agree on the official distribution.

    Raises:
        SourceError: no classes are found, or more than 1000.
    """
    path = nearest(folder, _SYNSET_LIST)
    if path is not None:
        found = text_of(path.read_bytes()).split()
    else:
        found = sorted(record["WNID"] for record in _devkit_records(folder, source))
        found = found or _synsets_of_train(folder, source)
    if not all(_SYNSET.fullmatch(synset) for synset in found):
        raise SourceError(f"{path} holds lines that are no WordNet ids (n01440764); get the file again")
    found = list(dict.fromkeys(found))
    if not 0 < len(found) <= _CLASSES:
        raise SourceError(f"{folder} has {len(found)} classes, 1 to {_CLASSES} are expected; add {_SYNSET_LIST}")
    return found


def _train_members(folder: pathlib.Path, source: Source) -> Iterator[Member]:
    path = nearest(folder, *_TRAIN_TARS)
    if path is not None:
        return tar_members(path, source, wanted=_is_image, nested=True)
    unpacked = nearest(folder, "ILSVRC2012_img_train", "train", directory=True)
    if unpacked is None:
        raise SourceError(f"{folder} holds no {_TRAIN_TARS[0]} or folder of its name; get it from image-net.org")
    return _unpacked_train(unpacked, source)


def _unpacked_train(folder: pathlib.Path, source: Source) -> Iterator[Member]:
    """Members of a folder with nXXXXXXXX.tar files or nXXXXXXXX folders."""
    for entry in sorted(folder.iterdir()):
        if _SYNSET.match(entry.name) and entry.suffix == ".tar":
            yield from tar_members(entry, source, wanted=_is_image)
        elif _SYNSET.fullmatch(entry.name) and entry.is_dir():
            yield from folder_members(entry, source, wanted=_is_image)


def _synsets_of_train(folder: pathlib.Path, source: Source) -> list[str]:
    found = set()
    path = nearest(folder, *_TRAIN_TARS)
    if path is not None:

        def note(name: str) -> bool:
            found.update(_SYNSET.findall(name)[:1])
            return False

        silent = Source(source_dir=source.source_dir, warn=lambda line: None)
        for _ in tar_members(path, silent, wanted=note):
            pass
    else:
        unpacked = nearest(folder, "ILSVRC2012_img_train", "train", directory=True)
        found.update(entry.name[:9] for entry in unpacked.iterdir() if _SYNSET.match(entry.name)) if unpacked else None
    return sorted(found)


def _val_members(folder: pathlib.Path, source: Source) -> Iterator[Member]:
    path = nearest(folder, *_VAL_TARS)
    if path is not None:
        return tar_members(path, source, wanted=_is_image)
    unpacked = nearest(folder, "ILSVRC2012_img_val", "val", directory=True)
    if unpacked is None:
        return iter(())
    return folder_members(unpacked, source, wanted=_is_image)


def _is_image(name: str) -> bool:
    return name.lower().endswith(_IMAGES)


def _synset_of_train(member: Member) -> str | None:
    """The synset by the nested tar, else by the file's name or the path it was found at."""
    for text in (member.parent, member.name.rpartition("/")[2], member.where):
        match = _SYNSET.search(text)
        if match:
            return match[0]
    return None


def _synset_of_val(folder: pathlib.Path, source: Source) -> Callable[[Member], str | None]:
    """A function from a validation picture to its synset: by its number in the ground truth, folder or name."""
    by_number = _val_labels(folder, source)

    def synset_of(member: Member) -> str | None:
        match = _VAL_NUMBER.search(member.name)
        parent, _, name = member.name.rpartition("/")
        named = _SYNSET.search(name) or _SYNSET.fullmatch(parent.rpartition("/")[2])
        if match is None or named:
            return named and named[0]
        if not by_number:
            raise SourceError(f"{folder} holds no labels of the validation pictures; add {_DEVKIT} or {_VAL_SYNSETS}")
        number = int(match[1])
        return by_number[number - 1] if 0 < number <= len(by_number) else None

    return synset_of


def _val_labels(folder: pathlib.Path, source: Source) -> list[str]:
    """Synset of each validation picture in the order of their numbers; empty if none are given."""
    path = nearest(folder, _VAL_SYNSETS)
    if path is not None:
        return text_of(path.read_bytes()).split()
    files = _devkit_files(folder, source)
    path = nearest(folder, _GROUND_TRUTH)
    data = path.read_bytes() if path else files.get(_GROUND_TRUTH)
    if data is None:
        return []
    names = {int(record["ILSVRC2012_ID"][0]): record["WNID"] for record in _devkit_records(folder, source)}
    if not names:
        raise SourceError(f"{folder} has a ground truth but no {_DEVKIT} to read it by; add it or {_VAL_SYNSETS}")
    ids = text_of(data).split()
    return [names.get(int(text), "") if text.isdecimal() else "" for text in ids]


def _devkit_files(folder: pathlib.Path, source: Source) -> dict[str, bytes]:
    """The devkit's meta.mat and ground truth, from its archive or unpacked."""
    names = ("meta.mat", _GROUND_TRUTH)
    path = nearest(folder, _DEVKIT, "ILSVRC2012_devkit_t12*.t*gz")
    if path is not None:
        members = tar_members(path, source, wanted=lambda name: name.rpartition("/")[2] in names)
        return {member.name.rpartition("/")[2]: member.data for member in members}
    loose = {name: nearest(folder, name) for name in names}
    return {name: path.read_bytes() for name, path in loose.items() if path is not None}


def _devkit_records(folder: pathlib.Path, source: Source) -> list[dict[str, Any]]:
    """Records of the 1000 classes, the devkit's inner nodes left out."""
    data = _devkit_files(folder, source).get("meta.mat")
    if data is None:
        return []
    records = read_struct_array(data, "synsets")
    if not all(_is_synset(record) for record in records):
        raise SourceError("meta.mat lists a synset without its ids; get the ILSVRC2012 development kit again")
    return [record for record in records if 1 <= record["ILSVRC2012_ID"][0] <= _CLASSES]


def _is_synset(record: dict[str, Any]) -> bool:
    number, synset, words = (record.get(name) for name in ("ILSVRC2012_ID", "WNID", "words"))
    return (
        isinstance(number, np.ndarray)
        and number.size == 1
        and bool(np.isfinite(number[0]))
        and isinstance(synset, str)
        and bool(_SYNSET.fullmatch(synset))
        and isinstance(words, str)
    )
