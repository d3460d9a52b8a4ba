"""COCO 2014 captions: the official zips read in place, or the folders they unpack to."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import BadExampleError, SourceError
from t2t_multimodel.modalities import ImageSpec, SymbolSpec
from t2t_multimodel.problems.readers import image as image_io
from t2t_multimodel.problems.readers.layout import nearest, text_of
from t2t_multimodel.problems.readers.zips import FolderReader, ZipReader
from t2t_multimodel.registry import register_problem

_FOLDERS = {"train": "train2014", "dev": "val2014"}
_ANNOTATION_ZIPS = ("annotations_trainval2014.zip", "captions_train-val2014.zip")


@register_problem("image_coco_captions")
class ImageCocoCaptions(Problem):
    """Photographs to English captions, five a picture, each an example; the test captions are not public.

    The examples of one picture follow each other and share ``meta/image_id``, by which evaluation groups references.
    """

    inputs = ImageSpec(size=224)
    targets = SymbolSpec()
    command = "to_english_caption"
    metrics = ("cider",)
    source_help = (
        "get train2014.zip, val2014.zip and annotations_trainval2014.zip from cocodataset.org "
        "and give --source_dir=FOLDER"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Captions, pictures in the order of the annotation file; what lacks its counterpart is dropped."""
        folder = self.require_source(source)
        if split not in _FOLDERS:
            return
        pictures = _pictures(folder, _FOLDERS[split], source)
        annotations, where = _annotations(folder, _FOLDERS[split], source)
        if pictures is None and annotations is None and split == "dev":
            return
        if pictures is None or annotations is None:
            lacking = f"{_FOLDERS[split]}.zip" if pictures is None else _ANNOTATION_ZIPS[0]
            raise SourceError(f"{folder} holds no {lacking}; {self.source_help}")
        files, captions = parse_annotations(annotations, where, source)
        for image_id, file_name in files.items():
            if not captions.get(image_id):
                continue
            data = _read(pictures, f"{_FOLDERS[split]}/{file_name}", len(captions[image_id]), source)
            if data is None:
                continue
            for caption in captions[image_id]:
                yield {"inputs": data, "targets": caption, "meta/image_id": image_id}


def parse_annotations(data: bytes, where: str, source: Source) -> tuple[dict[int, str], dict[int, list[str]]]:
    """File name and captions of each image id; what is malformed or belongs to no listed image is dropped.

    Args:
        data: the JSON file.
        where: its place, for messages.
        source: receives what is dropped.

    Raises:
        SourceError: it is no annotation file.
    """
    try:
        content = json.loads(text_of(data))
    except (ValueError, RecursionError):
        raise SourceError(f"{where} is no JSON; get the annotations again") from None
    images = content.get("images") if isinstance(content, dict) else None
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise SourceError(f"{where} has no lists 'images' and 'annotations'; give COCO's captions_*.json")
    files: dict[int, str] = {}
    for number, image in enumerate(images):
        if _is_record(image, "id", "file_name"):
            files[image["id"]] = image["file_name"]
        else:
            source.drop("malformed image entry", f"{where}: images[{number}]")
    captions: dict[int, list[str]] = {}
    for number, entry in enumerate(annotations):
        place = f"{where}: annotations[{number}]"
        if not _is_record(entry, "image_id", "caption") or not entry["caption"].strip():
            source.drop("malformed annotation", place)
        elif entry["image_id"] not in files:
            source.drop("caption of an image that is not listed", f"{place}, image {entry['image_id']}")
        else:
            captions.setdefault(entry["image_id"], []).append(" ".join(entry["caption"].split()))
    return files, captions


def _is_record(entry: Any, number: str, text: str) -> bool:
    return isinstance(entry, dict) and type(entry.get(number)) is int and isinstance(entry.get(text), str)


def _pictures(folder: pathlib.Path, name: str, source: Source) -> ZipReader | FolderReader | None:
    path = nearest(folder, f"{name}.zip")
    if path is not None:
        return ZipReader(path, source)
    unpacked = nearest(folder, name, directory=True)
    return None if unpacked is None else FolderReader(unpacked.parent)


def _annotations(folder: pathlib.Path, name: str, source: Source) -> tuple[bytes | None, str]:
    """The captions' JSON of one split and its place; None if there is none."""
    member = f"annotations/captions_{name}.json"
    for pattern in _ANNOTATION_ZIPS:
        path = nearest(folder, pattern)
        reader = ZipReader(path, source) if path is not None else None
        if reader is not None and member in reader:
            try:
                return reader.read(member), reader.where(member)
            except BadExampleError as error:
                raise SourceError(f"{reader.where(member)}: {error}; get the annotations again") from None
    path = nearest(folder, f"captions_{name}.json", f"captions_{name}*.json")
    return (None, "") if path is None else (path.read_bytes(), str(path))


def _read(pictures: ZipReader | FolderReader, name: str, captions: int, source: Source) -> bytes | None:
    """The checked picture, or None; each of its captions then counts as dropped."""
    try:
        if name not in pictures:
            raise BadExampleError("image file is missing")
        return image_io.normalise(pictures.read(name))[0]
    except BadExampleError as error:
        for _ in range(captions):
            source.drop(str(error), pictures.where(name))
        return None
