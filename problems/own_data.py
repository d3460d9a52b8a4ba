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
from t2t_multimodel.problems.readers.layout import of_split
from t2t_multimodel.problems.readers.text import TextFile, are_column_names, decoded_lines
from t2t_multimodel.problems.speech_corpus import SpeechProblem
from t2t_multimodel.registry import register_problem

_SPLITS = ("train", "dev", "test")
_MAX_CLASSES = 1000
_IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
_NO_MATTER = ("thumbs.db", "desktop.ini")  # systems write them beside pictures
_DEV_OPTION = {"dev_percent": 10}


@register_problem("image_folder")
class ImageFolder(Problem):
    """Classes of images: ``train/CLASS/*.jpg``, ``dev/CLASS/*.jpg``, or just ``CLASS/*.jpg``.

    Classes are numbered in the order of their names, up to 1000. The dev folder may be called val, valid or
    validation. Without one, `dev_percent` of the train images, chosen by their names, become the dev split. Files and
    classes that no rule takes are counted by reason.
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
        shared = split != "test" and _split_folder(folder, "dev") is None
        if base is None and not (shared and split == "dev"):
            return
        if base is not None:
            _count_strays(folder, base, classes, source)
        counted = base is not None
        base = base or _split_folder(folder, "train")
        for name, label in classes.items():
            for path in _image_paths(base / name, source if counted else None):
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
        shared = split != "test" and of_split(folder, "dev", ".tsv") is None
        path = of_split(folder, "train" if shared else split, ".tsv")
        if path is None:
            if split == "train" or shared:
                raise SourceError(f"{folder} holds no train.tsv; {self.source_help}")
            return
        for number, line in decoded_lines(TextFile(path), source):
            where = f"{path}: line {number}"
            if not line.strip():
                continue
            name, tab, text = line.partition("\t")
            if number == 1 and are_column_names((name, text)):
                source.note("looks like column names", where, "delete the line if it is none of the examples")
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
    metrics = ("cider", "bleu_4", "rouge_l")
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
    if of_split(folder, "train", directory=True) is not None:
        return of_split(folder, split, directory=True)
    # Without a train folder, "valid" and the like may be classes.
    if (folder / split).is_dir():
        return folder / split
    has_splits = any((folder / name).is_dir() for name in _SPLITS)
    return folder if split == "train" and not has_splits else None


def _image_paths(folder: pathlib.Path, source: Source | None) -> Iterator[pathlib.Path]:
    """Images of one class, sorted; counts at `source`, if it is given, each file that is not taken."""
    empty = True
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            for inner in sorted(path.rglob("*")) if source else ():
                if inner.is_file():
                    _count_file(inner, "image in a folder below its class folder", source)
        elif path.suffix.lower() in _IMAGES and not path.name.startswith("."):
            empty = False
            yield path
        elif source:
            _count_file(path, "", source)
    if empty and source and folder.is_dir():
        source.drop("class folder without images", str(folder), "the class has no examples")


def _count_strays(folder: pathlib.Path, base: pathlib.Path, classes: dict[str, int], source: Source) -> None:
    """Counts what lies beside the class folders: images, and folders that are no class of the train split."""
    for path in sorted(base.iterdir()):
        if path.is_file():
            _count_file(path, "image outside of a class folder", source, beside=True)
        elif path.is_dir() and path.name not in classes and not path.name.startswith("."):
            found = [inner for inner in sorted(path.rglob("*")) if inner.is_file()]
            for inner in found or [path]:
                source.drop("class that the train split does not have", str(inner))
    if base == folder or base != _split_folder(folder, "train"):
        return
    splits = {_split_folder(folder, split) for split in _SPLITS}
    for path in sorted(folder.iterdir()):
        if path.is_file():
            _count_file(path, "image outside of a class folder", source, beside=True)
        elif path.is_dir() and path not in splits and not path.name.startswith("."):
            source.note("folder that is no split", str(path), "folder left out")


def _count_file(path: pathlib.Path, reason: str, source: Source, *, beside: bool = False) -> None:
    """Counts a file that is not taken: an image for `reason`, another as that; files of the system matter to nobody.

    Args:
        path: the file.
        reason: why it is not taken if it is an image.
        source: where it is counted.
        beside: it lies beside the class folders, where lists and notes may be.
    """
    if path.name.startswith(".") or path.name.lower() in _NO_MATTER:
        source.skip("hidden file")
    elif path.suffix.lower() in _IMAGES:
        source.drop(reason, str(path))
    elif beside:
        source.skip("other file beside the class folders")
    else:
        source.drop("file whose name is not that of an image", str(path))


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
