"""Parsing: sentences of the Penn Treebank's Wall Street Journal part to linearized constituency trees."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.data.text_lines import without_mark
from t2t_multimodel.errors import BadExampleError, MultiModelError, SourceError
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.problems.tree_output import TreeOutputMixin
from t2t_multimodel.registry import register_problem
from t2t_multimodel.text import bracket_files, linearization, trees

_SECTIONS = {"train": range(2, 22), "dev": range(22, 23), "test": range(23, 24)}
_FLAT_NAMES = {"train": ("train", "2-21"), "dev": ("dev", "valid", "22"), "test": ("test", "23")}
# Folders above the sections, as the distributions of the treebank name them.
_FOLDERS = ("parsing", "treebank_3", "treebank_2", "ldc99t42", "penn_treebank", "ptb", "parsed", "mrg", "wsj")
_SECTION = re.compile(r"[0-9]{2}")
_SECTION_OF_FILE = re.compile(r"wsj_([0-9]{2})[0-9]{2}\.mrg", re.I)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETS = {"(": "-LRB-", ")": "-RRB-", "{": "-LCB-", "}": "-RCB-"}


@dataclasses.dataclass(frozen=True)
class TreeFile:
    """A file of trees.

    Args:
        path: the file.
        flat: read line by line, perhaps gzip-compressed: one tree a line or over several; else read as a whole.
    """

    path: pathlib.Path
    flat: bool = False


def find_tree_files(folder: pathlib.Path, split: str) -> list[TreeFile] | None:
    """Files of a split below `folder`, or None if it holds no treebank.

    In this order: sections of the official layout (``treebank_3/parsed/mrg/wsj/NN/*.mrg``; `folder` may be any
    folder of that path or a parent named parsing/), flat files (``wsjTrain.trees``, ``wsj_dev.trees``, ...), and .mrg
    files directly in `folder`: their names give the section (``wsj_NNXX.mrg``); others are for training.
    """
    sections = _section_folders(folder)
    if sections:
        wanted = [sections[number] for number in _SECTIONS[split] if number in sections]
        return [TreeFile(path) for section in wanted for path in _files(section, ".mrg")]
    flat = [TreeFile(path, flat=True) for path in _files(folder, ".trees", ".trees.gz")]
    if flat:
        return [file for file in flat if _flat_split(file.path.name) == split]
    loose = _files(folder, ".mrg")
    if loose:
        return [TreeFile(path) for path in loose if _section_of(path) in _SECTIONS[split]]
    return None


def _section_folders(folder: pathlib.Path) -> dict[int, pathlib.Path]:
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    sections = {int(path.name): path for path in subfolders if _SECTION.fullmatch(path.name) and _files(path, ".mrg")}
    if sections:
        return sections
    for name in _FOLDERS:
        for path in subfolders:
            if path.name.lower() == name and (found := _section_folders(path)):
                return found
    return {}


def _files(folder: pathlib.Path, *suffixes: str) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(suffixes) and path.is_file())


def _section_of(path: pathlib.Path) -> int:
    match = _SECTION_OF_FILE.fullmatch(path.name)
    return int(match[1]) if match else _SECTIONS["train"][0]


def _flat_split(name: str) -> str | None:
    for split, parts in _FLAT_NAMES.items():
        if any(part in name.lower() for part in parts):
            return split
    return None


def read_trees(file: TreeFile, source: Source) -> Iterator[tuple[str, trees.Tree]]:
    """Cleaned trees of a file, each with its location for messages.

    Malformed trees are reported to `source.drop`, those without words to `source.skip`.
    """
    number = 0
    pieces = _read_raw(file)
    while True:
        try:
            raw = next(pieces)
        except StopIteration:
            return
        except (OSError, EOFError, zlib.error) as error:
            source.drop("damaged file, its rest is left out", f"{file.path}: after tree {number} ({error})")
            return
        number += 1
        where = f"{file.path}: tree {number} (line {raw.line})"
        tree, reason = _parse(raw.text)
        if reason:
            source.drop(reason, where)
            continue
        tree = bracket_files.clean(tree)
        if tree is None:
            source.skip("no words left in tree")
            continue
        yield where, tree


def _read_raw(file: TreeFile) -> Iterator[bracket_files.RawTree]:
    # With surrogateescape, bytes that are not UTF-8 spoil only their own tree.
    if not file.flat:
        text = without_mark(file.path.read_bytes()).decode("utf-8", "surrogateescape")
        yield from bracket_files.split_trees(text)
        return
    with gzip.open(file.path) if file.path.suffix == ".gz" else open(file.path, "rb") as stream:
        lines = (without_mark(data).decode("utf-8", "surrogateescape") for data in stream)
        yield from bracket_files.trees_of_lines(lines)


def _parse(text: str) -> tuple[trees.Tree | None, str]:
    """The tree and an empty reason, or None and the reason."""
    if _SURROGATE.search(text):
        return None, "invalid UTF-8"
    try:
        return bracket_files.parse_tree(text), ""
    except BadExampleError as error:
        return None, str(error).partition(":")[0]


@register_problem("wsj_parsing")
class WsjParsing(TreeOutputMixin, Problem):
    """Sections 02-21 for training, 22 for dev, 23 for test, of Penn Treebank 3 (LDC99T42).

    Inputs are the words of the tree as the treebank writes them (``-LRB-``, ``1\\/2``), targets its linearization.

    Options:
        preterminals: ``pos`` (tags as they are) or ``xx`` (one tag for all).
        words: whether targets repeat each word after its tag.
    """

    inputs = SymbolSpec()
    targets = SymbolSpec()
    command = "to_parse_tree"
    metrics = ("bracket_f1",)
    options = {"preterminals": "pos", "words": False}
    source_help = (
        "get the Penn Treebank 3 from https://catalog.ldc.upenn.edu/LDC99T42 and give --source_dir=FOLDER with "
        "treebank_3/parsed/mrg/wsj/ or with wsjTrain.trees and wsjDev.trees"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Sentences in the order of sections, files and trees."""
        options = {**self.options, **source.options}
        if options["preterminals"] not in ("pos", "xx"):
            raise MultiModelError(f"option preterminals={options['preterminals']} of {self.name}; give pos or xx")
        folder = self.require_source(source)
        files = find_tree_files(folder, split)
        if files is None or (split == "train" and not files):
            raise SourceError(f"{folder} holds no training trees for {self.name}; {self.source_help}")
        for file in files:
            for where, tree in read_trees(file, source):
                try:
                    targets = linearization.linearize(tree, options["preterminals"], options["words"])
                except BadExampleError:
                    source.drop("label begins with a slash", where)
                    continue
                yield {"inputs": " ".join(tree.words()), "targets": targets}

    def prepare_input(self, value: str) -> str:
        """Words separated by blanks, with brackets spelled as in the treebank; words are not split further."""
        spelled = re.sub(r"[(){}]", lambda match: f" {_BRACKETS[match[0]]} ", value)
        return " ".join(linearization.split_words(spelled))

    def prepare_in_graph(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """As `prepare_input`."""
        import tensorflow as tf

        text = raw["text"]
        for bracket, spelled in _BRACKETS.items():
            text = tf.strings.regex_replace(text, re.escape(bracket), f" {spelled} ")
        text = tf.strings.regex_replace(text, r"[ \t\r\n\f\v]+", " ")
        return {"text": tf.strings.regex_replace(text, "^ | $", "")}
