"""COCO 2014 captions: reads the official zips without unpacking them, or their unpacked folders."""

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
    """Photographs to English captions. Each of the five captions of an image is an example. The test
    captions are not public.

    The examples of an image follow each other and share ``meta/image_id``, by which evaluation groups references.
    """

    inputs = ImageSpec(size=224)
    targets = SymbolSpec()
    command = "to_english_caption"
    metrics = ("cider", "bleu_4", "rouge_l")
    source_help = (
        "get train2014.zip, val2014.zip and annotations_trainval2014.zip from cocodataset.org "
        "and give --source_dir=FOLDER"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Examples in the order of the annotation file; captions whose image is missing are dropped."""
        folder = self.require_source(source)
        if split not in _FOLDERS:
            return
        images = _images(folder, _FOLDERS[split], source)
        annotations, where = _annotations(folder, _FOLDERS[split], source)
        if images is None and annotations is None and split == "dev":
            return
        if images is None or annotations is None:
            lacking = f"{_FOLDERS[split]}.zip" if images is None else _ANNOTATION_ZIPS[0]
            raise SourceError(f"{folder} holds no {lacking}; {self.source_help}")
        files, captions = parse_annotations(annotations, where, source)
        numbered = all(isinstance(image_id, int) for image_id in files)
        for number, (image_id, file_name) in enumerate(files.items()):
            if not captions.get(image_id):
                continue
            name = _member_name(images, _FOLDERS[split], file_name)
            data = _read(images, name, len(captions[image_id]), source)
            if data is None:
                continue
            for caption in captions[image_id]:
                yield {"inputs": data, "targets": caption, "meta/image_id": image_id if numbered else number}


def parse_annotations(
    data: bytes, where: str, source: Source
) -> tuple[dict[int | str, str], dict[int | str, list[str]]]:
    """File name and captions of each image id; malformed entries and captions of unknown images are dropped.

    Ids may be numbers, or text; text that is a number counts as the number. Where one id names two files, nobody knows
    which of them a caption means: the id is dropped with its captions.

    Args:
        data: the JSON file.
        where: path of the file, for messages.
        source: receives what is dropped.

    Raises:
        SourceError: it is not an annotation file.
    """
    try:
        content = json.loads(text_of(data))
    except (ValueError, RecursionError):
        raise SourceError(f"{where} is not JSON; get the annotations again") from None
    images = content.get("images") if isinstance(content, dict) else None
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise SourceError(f"{where} has no lists 'images' and 'annotations'; give COCO's captions_*.json")
    files, ambiguous = _file_names(images, where, source)
    captions: dict[int | str, list[str]] = {}
    for number, entry in enumerate(annotations):
        location = f"{where}: annotations[{number}]"
        image_id, caption = _record(entry, "image_id", "caption")
        if image_id is None or not caption.strip():
            source.drop("malformed annotation", location)
        elif image_id in ambiguous:
            source.drop("caption of an image id that names two files", f"{location}, image {image_id}")
        elif image_id not in files:
            source.drop("caption of an image that is not listed", f"{location}, image {image_id}")
        else:
            captions.setdefault(image_id, []).append(" ".join(caption.split()))
    return files, captions


def _file_names(images: list, where: str, source: Source) -> tuple[dict[int | str, str], set[int | str]]:
    """File name of each image id, and the ids that name two files and are left out."""
    files: dict[int | str, str] = {}
    ambiguous: set[int | str] = set()
    for number, image in enumerate(images):
        image_id, name = _record(image, "id", "file_name")
        if image_id is None:
            source.drop("malformed image entry", f"{where}: images[{number}]")
        elif files.setdefault(image_id, name) != name:
            ambiguous.add(image_id)
            location = f"{where}: images[{number}], id {image_id}, {_one_line(files[image_id])} and {_one_line(name)}"
            source.drop("image id that names two files", location, "id left out")
    return {image_id: name for image_id, name in files.items() if image_id not in ambiguous}, ambiguous


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _record(entry: Any, key: str, text: str) -> tuple[int | str | None, str]:
    """Id and text of an entry; the id is None if the entry lacks one of them."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, int | float | str) or isinstance(value, bool) or not isinstance(entry.get(text), str):
        return None, ""
    if isinstance(value, str):
        value = _one_line(value)
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
        return (number if number is not None and str(number) == value else value or None), entry[text]
    if isinstance(value, float):  # tables write whole numbers as 3.0
        return (int(value) if value.is_integer() else None), entry[text]
    return value, entry[text]


def _member_name(images: ZipReader | FolderReader, folder: str, file_name: str) -> str:
    """Where the image of a file name lies: in the split's folder, at the path it names, or by its last part.

    A path that names another split's folder is never sought in this one: the picture there would be another.
    """
    path = file_name.replace("\\", "/").removeprefix("./")
    parts = path.split("/")
    candidates = [f"{folder}/{path}"]
    if len(parts) > 1:
        candidates.append(path)
        if not set(_FOLDERS.values()).difference({folder}).intersection(parts):
            candidates.append(f"{folder}/{parts[-1]}")
    return next((name for name in candidates if name in images), candidates[0])


def _images(folder: pathlib.Path, name: str, source: Source) -> ZipReader | FolderReader | None:
    path = nearest(folder, f"{name}.zip")
    if path is not None:
        return ZipReader(path, source)
    unpacked = nearest(folder, name, directory=True)
    return None if unpacked is None else FolderReader(unpacked.parent)


def _annotations(folder: pathlib.Path, name: str, source: Source) -> tuple[bytes | None, str]:
    """The JSON file of one split's captions and where it lies; None if there is none."""
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


def _read(images: ZipReader | FolderReader, name: str, captions: int, source: Source) -> bytes | None:
    """The checked image. If it is bad, the result is None, and each of its captions counts as dropped."""
    try:
        if name not in images:
            raise BadExampleError("image file is missing")
        return image_io.normalise(images.read(name))[0]
    except BadExampleError as error:
        for _ in range(captions):
            source.drop(str(error), images.where(name))
        return None
