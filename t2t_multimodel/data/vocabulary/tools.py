"""The actions of t2t-vocab: describe a vocabulary, measure how well it fits a text, build and extend one."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from collections.abc import Sequence

from t2t_multimodel.data import storage
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.notices import Notices
from t2t_multimodel.data.text_lines import InvalidUtf8Error, read_lines
from t2t_multimodel.data.vocabulary.load import AnyVocabulary, load_vocabulary
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import JSON_FILE, Vocabulary
from t2t_multimodel.errors import BadExampleError, VocabularyError

_SHOWN = 10


def open_vocabulary(path: str | os.PathLike) -> AnyVocabulary:
    """Loads the vocabulary of a data folder, or a Tensor2Tensor `.subwords` file.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.tools import open_vocabulary

        vocabulary = open_vocabulary("data/mini")
        vocabulary = open_vocabulary("vocab.translate_ende_wmt8k.8192.subwords")
        ```
    """
    return load_vocabulary(path) if storage.at(path).is_dir() else T2TSubwordVocabulary.load(path)


def describe(vocabulary: AnyVocabulary, text: str | None = None) -> str:
    """Describes a vocabulary: size, fingerprint and labels; with `text`, also the pieces of its encoding.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.load import load_vocabulary
        from t2t_multimodel.data.vocabulary.tools import describe

        print(describe(load_vocabulary("data/mini"), text="a small red circle"))
        ```
    """
    lines = [f"size: {vocabulary.size}", f"fingerprint: {vocabulary.fingerprint}", f"labels: {len(vocabulary.labels)}"]
    if vocabulary.labels:
        lines.append("  " + " ".join(vocabulary.labels))
    if text is not None:
        ids = vocabulary.encode(text)
        lines.append(f"{len(ids)} ids: " + " ".join(f"{vocabulary.piece(index)}:{index}" for index in ids))
    return "\n".join(lines)


def build(files: Sequence[pathlib.Path], labels: Sequence[str], size: int, folder: pathlib.Path) -> Vocabulary:
    """Learns a vocabulary from text files and saves it in `folder`; t2t-datagen then uses it.

    Raises:
        VocabularyError: a file cannot be read, the folder already has a vocabulary, or there is too little text.

    Example:
        ```python
        import pathlib

        from t2t_multimodel.data.vocabulary.tools import build

        build([pathlib.Path("inputs.txt")], labels=["NP", "/NP"], size=400, folder=pathlib.Path("data/built"))
        ```
    """
    _require_free(folder)
    texts = (line for file in files for line in _lines(file))
    return Vocabulary.build(texts, labels, size, folder)


def _lines(file: pathlib.Path) -> list[str]:
    """Lines of a text file that are not blank; those that are not UTF-8 are named and left out."""
    notices = Notices(print_warning)
    try:
        lines = read_lines(file)
    except (OSError, BadExampleError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VocabularyError(f"{file} cannot be read as UTF-8 text ({reason}); give a UTF-8 text file") from error
    for line in lines:
        if isinstance(line, InvalidUtf8Error):
            notices.add("invalid UTF-8", f"{file}: {line.where}", "line left out")
    notices.finish()
    return [line for line in lines if isinstance(line, str) and line.strip()]


def _require_free(folder: pathlib.Path) -> None:
    if (folder / JSON_FILE).exists():
        raise VocabularyError(f"{folder} already has a vocabulary, and data may depend on it; give another --to_dir")


def coverage(vocabulary: AnyVocabulary, file: pathlib.Path) -> str:
    """Reports how well a vocabulary fits a text file: ids per word, characters per id, and what is encoded as bytes.

    Raises:
        VocabularyError: the file cannot be read or is empty.

    Example:
        ```python
        import pathlib

        from t2t_multimodel.data.vocabulary.load import load_vocabulary
        from t2t_multimodel.data.vocabulary.tools import coverage

        print(coverage(load_vocabulary("data/mini"), pathlib.Path("sentences.txt")))
        ```
    """
    lines = _lines(file)
    if not lines:
        raise VocabularyError(f"{file} holds no text; give a file with one sentence a line")
    encoded = vocabulary.encode_batch(lines)
    counts = Counter(index for ids in encoded for index in ids)
    total, words, chars = sum(counts.values()), sum(len(line.split()) for line in lines), sum(map(len, lines))
    used = {index: vocabulary.piece(index) for index in counts}
    single = sum(counts[index] for index, piece in used.items() if _is_byte(piece))
    rare = Counter(char for line in lines for char in line if ord(char) > 127)
    unknown = [char for char, _ in rare.most_common() if _is_byte(vocabulary.piece(vocabulary.encode(char)[-1]))]
    report = [
        f"lines: {len(lines):,}  words: {words:,}  characters: {chars:,}  ids: {total:,}",
        f"ids a word: {total / max(1, words):.3f}  characters an id: {chars / total:.3f}",
        f"ids used: {len(used):,} of {vocabulary.size:,}  single bytes: {single / total:.3%}",
    ]
    if unknown:
        report.append(f"characters written as bytes: {len(unknown)}, most often {' '.join(unknown[:_SHOWN])}")
    return "\n".join(report)


def extend(vocabulary: AnyVocabulary, pieces: Sequence[str], labels: Sequence[str], folder: pathlib.Path) -> Vocabulary:
    """Adds pieces and labels to a vocabulary and saves the result in `folder`; old ids keep their meaning.

    Raises:
        VocabularyError: nothing to add, the folder already has a vocabulary, or this kind cannot be extended.

    Example:
        ```python
        import pathlib

        from t2t_multimodel.data.vocabulary.load import load_vocabulary
        from t2t_multimodel.data.vocabulary.tools import extend

        extend(load_vocabulary("data/mini"), pieces=["octagon"], labels=[], folder=pathlib.Path("data/octagons"))
        ```
    """
    if not isinstance(vocabulary, Vocabulary):
        raise VocabularyError("a .subwords vocabulary cannot be extended; build one with t2t-datagen")
    _require_free(folder)
    extended = vocabulary.extend(pieces, labels)
    if extended.size == vocabulary.size:
        raise VocabularyError("nothing new to add; give --pieces=A,B or --labels=A,B")
    extended.save(folder)
    return extended


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")
