"""Your own images, captions and speech without code: folders and tab-separated lists below --source_dir."""

from __future__ import annotations

import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import BadExampleError, MultiModelError, SourceError
from t2t_multimodel.modalities import ClassLabelSpec, ImageSpec, SymbolSpec
from t2t_multimodel.problems.readers import image as image_io
from t2t_multimodel.problems.readers.text import TextFile, decoded_lines
from t2t_multimodel.problems.speech_corpus import SpeechProblem
from t2t_multimodel.registry import register_problem

_SPLITS = ("train", "dev", "test")
_MAX_CLASSES = 1000
_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
_DEV_OPTION = {"dev_percent": 10}


@register_problem("image_folder")
class ImageFolder(Problem):
    """Classes of images: ``train/CLASS/*.jpg``, ``dev/CLASS/*.jpg``, or just ``CLASS/*.jpg``.

    Classes are numbered in the order of their names, up to 1000. Without a dev folder, `dev_percent` of the train
    images, chosen by their names, become the dev split.
    """

    inputs = ImageSpec(size=224)
    targets = ClassLabelSpec(_MAX_CLASSES)
    options = _DEV_OPTION
    source_help = "put images in train/CLASS/ and dev/CLASS/ of a folder and give --source_dir=FOLDER"

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Images by class and name."""
        folder = self.require_source(source)
        classes = {name: label for label, name in enumerate(self.label_names(source))}
        base = _split_folder(folder, split)
        shared = split != "test" and not (folder / "dev").is_dir()
        if base is None and not (shared and split == "dev"):
            return
        base = base or _split_folder(folder, "train")
        for name, label in classes.items():
            for path in _image_paths(base / name):
                if shared and _in_dev(f"{name}/{path.name}", self, source) != (split == "dev"):
                    continue
                data = _checked_image(path, source)
                if data is not None:
                    yield {"inputs": data, "targets": label}

    def label_names(self, source: Source) -> list[str]:
        """Names of the train folders, sorted."""
        folder = self.require_source(source)
        base = _split_folder(folder, "train")
        entries = base.iterdir() if base else ()
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        if not names:
            raise SourceError(f"{folder} holds no folders of train images; {self.source_help}")
        if len(names) > _MAX_CLASSES:
            raise SourceError(f"{base} has {len(names)} folders; image_folder takes up to {_MAX_CLASSES} classes")
        return names


class _TsvProblem(Problem):
    """Lines ``path<TAB>text`` of train.tsv, dev.tsv and test.tsv; paths are relative to the list's folder."""

    options = _DEV_OPTION

    def lines(self, split: str, source: Source) -> Iterator[tuple[pathlib.Path, str, str]]:
        """Path, text and location of each valid line."""
        folder = self.require_source(source)
        path, shared = folder / f"{split}.tsv", split != "test" and not (folder / "dev.tsv").is_file()
        if shared:
            path = folder / "train.tsv"
        if not path.is_file():
            if split == "train" or shared:
                raise SourceError(f"{folder} holds no train.tsv; {self.source_help}")
            return
        for number, line in decoded_lines(TextFile(path), source):
            where = f"{path}: line {number}"
            if not line.strip():
                continue
            name, tab, text = line.partition("\t")
            if not tab or not name.strip() or not text.strip() or "\t" in text or "\0" in name:
                source.drop("line that is not path, tab, text", where)
            elif not shared or _in_dev(name, self, source) == (split == "dev"):
                yield folder / name.strip(), text.strip(), where


@register_problem("caption_tsv")
class CaptionTsv(_TsvProblem):
    """Your own images and captions: train.tsv, dev.tsv and test.tsv with ``path<TAB>caption`` a line.

    An image with several captions has several lines. Without dev.tsv, `dev_percent` of the train images, chosen by
    their paths, become the dev split.
    """

    inputs = ImageSpec(size=224)
    targets = SymbolSpec()
    command = "to_english_caption"
    metrics = ("cider",)
    source_help = "write train.tsv and dev.tsv (path, tab, caption) in a folder and give --source_dir=FOLDER"

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Captions in the order of the list; ``meta/image_id`` is the same for all lines of one image."""
        ids: dict[pathlib.Path, int] = {}
        for path, text, where in self.lines(split, source):
            data = _checked_image(path, source, f"{where}: ")
            if data is not None:
                yield {"inputs": data, "targets": text, "meta/image_id": ids.setdefault(path, len(ids))}


@register_problem("speech_tsv")
class SpeechTsv(SpeechProblem, _TsvProblem):
    """Your own audio and transcripts: train.tsv, dev.tsv and test.tsv with ``path<TAB>transcript`` a line.

    Audio may be WAV, FLAC, Ogg, MP3 or SPHERE of any rate. Without dev.tsv, `dev_percent` of the train lines, chosen
    by their paths, become the dev split.
    """

    options = {**SpeechProblem.options, **_DEV_OPTION}
    source_help = "write train.tsv and dev.tsv (path, tab, transcript) in a folder and give --source_dir=FOLDER"

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Utterances in the order of the list."""
        for path, text, where in self.lines(split, source):
            data = _read(path, source, f"{where}: ")
            example = data is not None and self.utterance(data, text, path.stem, f"{where}: {path}", source)
            if example:
                yield example


def _split_folder(folder: pathlib.Path, split: str) -> pathlib.Path | None:
    """The folder of one split; a corpus without any split folder is all train."""
    if (folder / split).is_dir():
        return folder / split
    has_splits = any((folder / name).is_dir() for name in _SPLITS)
    return folder if split == "train" and not has_splits else None


def _image_paths(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGES and path.is_file())


def _in_dev(name: str, problem: Problem, source: Source) -> bool:
    """Whether a file of the train set goes to dev: by a checksum of its name, the same in every run."""
    percent = {**problem.options, **source.options}["dev_percent"]
    if not 0 <= percent < 100:
        raise MultiModelError(f"option {problem.name}.dev_percent={percent} is out of range; give 0 to 99")
    return zlib.crc32(name.strip().encode("utf-8", "surrogateescape")) % 100 < percent


def _checked_image(path: pathlib.Path, source: Source, prefix: str = "") -> bytes | None:
    data = _read(path, source, prefix)
    if data is None:
        return None
    try:
        return image_io.normalise(data)[0]
    except BadExampleError as error:
        source.drop(str(error), f"{prefix}{path}")
        return None


def _read(path: pathlib.Path, source: Source, prefix: str = "") -> bytes | None:
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        source.drop("missing or unreadable file", f"{prefix}{path}")
        return None
