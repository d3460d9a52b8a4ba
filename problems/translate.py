"""WMT translation: English-German, English-French and German-French, from the official files as they are."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import SourceError
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.problems.readers.text import TextFile, is_archive, list_archive
from t2t_multimodel.problems.readers.text_pairs import PAIR_OPTIONS, pair_examples, read_pairs
from t2t_multimodel.registry import register_problem

# Archives that may hold files of a split. Only these are listed, as listing an archive decompresses it.
_ARCHIVES = {
    "train": re.compile(r"(training[-_.]|train\.|europarl|commoncrawl|news-?commentary|undoc|giga|wmt)", re.I),
    "dev": re.compile(r"(dev\.|newstest|wmt)", re.I),
    "test": re.compile(r"(test\.|test-full|test-filtered|newstest|wmt)", re.I),
}
_EVALUATION_SETS = {"dev": ("newstest2013", "dev", "valid", "validation", "val"), "test": ("newstest2014", "test")}
_EVALUATION_STEM = re.compile(r"(news-?test|newsdev|newssyscomb|newsdiscuss|dev|valid|val\b|test|eval)", re.I)
_PLAIN_TRAINING_STEM = re.compile(r"train(ing)?$", re.I)
_ROLES = (("", ""), ("src", "ref"), ("ref", "src"), ("src", "src"), ("ref", "ref"))
_DEPTH = 4


def find_pairs(
    folder: pathlib.Path, split: str, languages: tuple[str, str], source: Source
) -> list[tuple[TextFile, TextFile]]:
    """Pairs of files of one split, in the order of their names, without duplicates.

    Training: ``NAME.de-en.de`` with ``NAME.de-en.en`` (languages in either order; ``train.de`` needs no pair in its
    name). Dev: ``newstest2013.de``, else its .sgm files, else ``dev.de`` or ``valid.de``; for test,
    ``newstest2014`` and ``test`` in the same way. All may be plain, .gz or members of .tgz, .tar.gz or .tar archives.
    Of several copies of a text, the loose file is read, and a plain one before a .gz one.

    Raises:
        SourceError: a member of an archive has an absolute or parent path.
    """
    loose, archives = _walk(folder)
    index = _index(loose)
    pairs = _select(index, split, languages)
    if split == "train" or not pairs:
        for archive in archives:
            if not _ARCHIVES[split].match(archive.name):
                continue
            listing = list_archive(archive)
            if listing.damage:
                source.drop("damaged archive, its rest is left out", f"{archive} ({listing.damage})")
            _index(listing.files, index)
        pairs = _select(index, split, languages)
    for file in (file for pair in pairs for file in pair):
        _warn_of_variants(file, index[file.name], source)
    return pairs


def _walk(folder: pathlib.Path) -> tuple[list[TextFile], list[pathlib.Path]]:
    """Loose files (plain ones first) and archives; both sorted from the top folder downwards."""
    files: list[pathlib.Path] = []
    for parent, folders, names in os.walk(folder):
        depth = len(pathlib.Path(parent).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEPTH else []
        files.extend(pathlib.Path(parent, name) for name in names)
    files.sort(key=lambda path: (len(path.parts), str(path)))
    archives = [path for path in files if is_archive(path)]
    loose = [path for path in files if not is_archive(path)]
    loose.sort(key=lambda path: path.suffix == ".gz")
    return [TextFile(path) for path in loose], archives


def _index(files: Iterable[TextFile], index: dict[str, list[TextFile]] | None = None) -> dict[str, list[TextFile]]:
    """Files by name; of several files with one name, the first is read."""
    index = {} if index is None else index
    for file in files:
        index.setdefault(file.name, []).append(file)
    return index


def _warn_of_variants(file: TextFile, same_name: list[TextFile], source: Source) -> None:
    size = _size(file)
    for other in same_name[1:]:
        if size is not None and _size(other) not in (None, size):
            source.warn(f"{file} and {other} differ in size; the first is read, rename one of them to read both")


def _size(file: TextFile) -> int | None:
    if (file.member or file.path.name).endswith(".gz"):
        return None
    return file.size if file.member else file.path.stat().st_size


def _select(
    index: dict[str, list[TextFile]], split: str, languages: tuple[str, str]
) -> list[tuple[TextFile, TextFile]]:
    stems: dict[tuple[str, bool], dict[str, TextFile]] = {}  # (stem, is .sgm) -> language -> file
    for name in sorted(index):
        file = index[name][0]
        base = re.sub(r"\.sgml?$", "", name, flags=re.I)
        stem, _, language = base.rpartition(".")
        if stem and language.lower() in languages:
            stems.setdefault((stem, file.is_sgm), {}).setdefault(language.lower(), file)
    if split == "train":
        return _training_pairs(stems, languages)
    pair = _evaluation_pair(stems, _EVALUATION_SETS[split], languages)
    return [pair] if pair else []


def _pair_pattern(languages: tuple[str, str]) -> str:
    first, second = languages
    return rf"(?:{first}[-_]?{second}|{second}[-_]?{first})"


def _training_pairs(
    stems: dict[tuple[str, bool], dict[str, TextFile]], languages: tuple[str, str]
) -> list[tuple[TextFile, TextFile]]:
    named = re.compile(rf"(^|.*[._-]){_pair_pattern(languages)}($|[._-])", re.I)
    pairs, seen = [], set()
    for (stem, _), files in sorted(stems.items()):  # plain before .sgm of the same stem
        wanted = (named.match(stem) and not _EVALUATION_STEM.match(stem)) or _PLAIN_TRAINING_STEM.match(stem)
        if wanted and len(files) == 2 and stem not in seen:
            seen.add(stem)
            pairs.append((files[languages[0]], files[languages[1]]))
    return pairs


def _evaluation_pair(
    stems: dict[tuple[str, bool], dict[str, TextFile]], names: tuple[str, ...], languages: tuple[str, str]
) -> tuple[TextFile, TextFile] | None:
    """The pair of the first set that is found. Both sides are of one kind; plain files come before .sgm."""
    for name in names:
        pattern = re.compile(rf"{name}([._-]{_pair_pattern(languages)})?(-(?P<role>src|ref))?$", re.I)
        for sgm in (False, True):
            found: dict[tuple[str, str], TextFile] = {}
            for (stem, is_sgm), files in sorted(stems.items()):
                match = pattern.match(stem)
                if match and is_sgm == sgm:
                    for language, file in files.items():
                        found.setdefault((language, (match["role"] or "").lower()), file)
            for roles in _ROLES:
                pair = [found.get(side) for side in zip(languages, roles)]
                if None not in pair:
                    return tuple(pair)
    return None


def _tfds_pairs(split: str, languages: tuple[str, str], source: Source) -> Iterator[tuple[str, str]]:
    """Pairs of wmt14_translate, or of wmt19_translate for German-French, prepared below `source.tmp_dir`."""
    pair = f"{languages[0]}-{languages[1]}"
    name = {
        frozenset(("de", "en")): "wmt14_translate/de-en",
        frozenset(("fr", "en")): "wmt14_translate/fr-en",
        frozenset(("fr", "de")): "wmt19_translate/fr-de",
    }[frozenset(languages)]
    if source.tmp_dir is None:
        raise SourceError(f"tfds=true downloads {name}; give --tmp_dir=FOLDER for its data")
    try:
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=str(source.tmp_dir))
        builder.download_and_prepare()
    except Exception as error:  # network, checksums, manual steps: tensorflow-datasets has no common type of error
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"tensorflow-datasets cannot prepare {name} for {pair} ({cause}); give --source_dir=FOLDER instead"
        ) from None
    tfds_split = {"train": "train", "dev": "validation", "test": "test"}[split]
    if tfds_split not in builder.info.splits:
        return
    for number, row in enumerate(tfds.as_numpy(builder.as_dataset(split=tfds_split, shuffle_files=False)), 1):
        try:
            texts = row[languages[0]].decode("utf-8"), row[languages[1]].decode("utf-8")
        except UnicodeDecodeError:
            source.drop("invalid UTF-8", f"{name}: {tfds_split} example {number}")
            continue
        yield texts


class _Translate(Problem):
    """Translation from `languages[0]` to `languages[1]`.

    Options: those of `text_pairs.PAIR_OPTIONS`, and ``tfds`` (without --source_dir, let tensorflow-datasets download
    to --tmp_dir).
    """

    languages: tuple[str, str]
    inputs = SymbolSpec()
    targets = SymbolSpec()
    metrics = ("bleu", "chrf", "ter")
    options = {**PAIR_OPTIONS, "tfds": False}
    source_help = (
        "put training-parallel-*.tgz and dev.tgz of https://www.statmt.org/wmt14/ (as they are or unpacked) in a "
        "folder and give --source_dir=FOLDER, or set --problem_options=tfds=true"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Pairs of sentences, file by file in the order of their names."""
        if source.source_dir is None and source.options.get("tfds"):
            pairs = _tfds_pairs(split, self.languages, source)
        else:
            pairs = self._file_pairs(split, source)
        yield from pair_examples(pairs, source, training=split == "train")

    def _file_pairs(self, split: str, source: Source) -> Iterator[tuple[str, str]]:
        folder = self.require_source(source)
        inner = folder / "translation"
        files = find_pairs(inner if inner.is_dir() else folder, split, self.languages, source)
        if split == "train" and not files:
            first, second = self.languages
            raise SourceError(
                f"{folder} holds no training files for {self.name}, such as europarl-v7.{first}-{second}.{first} with "
                f"europarl-v7.{first}-{second}.{second} or an archive of them; {self.source_help}"
            )
        for first_file, second_file in files:
            yield from read_pairs(first_file, second_file, source)


@register_problem("translate_ende")
class TranslateEnDe(_Translate):
    """English to German."""

    languages = ("en", "de")
    command = "to_german"


@register_problem("translate_deen")
class TranslateDeEn(_Translate):
    """German to English."""

    languages = ("de", "en")
    command = "to_english"


@register_problem("translate_enfr")
class TranslateEnFr(_Translate):
    """English to French."""

    languages = ("en", "fr")
    command = "to_french"


@register_problem("translate_fren")
class TranslateFrEn(_Translate):
    """French to English."""

    languages = ("fr", "en")
    command = "to_english"


@register_problem("translate_defr")
class TranslateDeFr(_Translate):
    """German to French."""

    languages = ("de", "fr")
    command = "to_french"
