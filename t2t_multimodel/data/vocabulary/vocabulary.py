"""The subword vocabulary that all text of a data folder shares: lossless for any string, labels as single symbols."""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t2t_multimodel.data import storage
from t2t_multimodel.errors import VocabularyError

if TYPE_CHECKING:
    from t2t_multimodel.data.vocabulary.in_graph import GraphVocabulary

PAD_ID = 0
END_ID = 1
UNK_ID = 2
DEFAULT_SIZE = 8192
MODEL_FILE = "vocab.model"
JSON_FILE = "vocab.json"
VERSION = 1

# SentencePiece writes a blank as U+2581. So U+2581 itself, like a lone surrogate, is encoded as bytes.
_BLANK = "\u2581"
_UNSAFE = re.compile("([\u2581\ud800-\udfff]+)")


class Label(str):
    """A tree label, such as ``NP`` or ``/NP``: it is always one id and never equals text.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.vocabulary import Label

        str(Label("NP"))  # "NP"
        ```
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Label({str.__repr__(self)})"


class Vocabulary:
    """Text to ids and back, by a SentencePiece unigram model with byte fallback.

    Ids: 0 padding, 1 end, 2 unknown (never produced), then bytes, subwords, labels, and what `extend` added. A blank is
    put before every text, so that a word has the same pieces at any position; `decode` removes it.
    `decode(encode(text)) == text` for every Python string, lone surrogates included.

    Args:
        model: the serialized SentencePiece model.
        labels: name to id of every label.
        options: how the vocabulary was made; saved with it.

    Raises:
        VocabularyError: the model is damaged or does not fit the labels.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.vocabulary import Label, Vocabulary

        texts = ["a small red circle is on a dark background"] * 9
        vocabulary = Vocabulary.build(texts, labels=["NP", "/NP"], size=300)
        ids = vocabulary.encode("a red circle \u2600")
        vocabulary.decode(ids) == "a red circle \u2600"  # True
        ids = vocabulary.encode_mixed([Label("NP"), "circle", Label("/NP")])
        vocabulary.decode_tokens(ids)  # ["NP", "circle", "/NP"]
        ```
    """

    def __init__(self, model: bytes, labels: Mapping[str, int], options: Mapping[str, Any] | None = None):
        import sentencepiece

        self.model = model
        self.labels = dict(labels)
        self.options = dict(options or {})
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            self.size = self._processor.get_piece_size()
            self._bytes = [self._processor.piece_to_id(f"<0x{value:02X}>") for value in range(256)]
        except (RuntimeError, TypeError, ValueError) as error:
            raise VocabularyError(f"the vocabulary's model is damaged ({error}); generate the data again") from error
        if UNK_ID in self._bytes or not all(UNK_ID < index < self.size for index in self.labels.values()):
            raise VocabularyError("the vocabulary's model lacks byte pieces or labels; generate the data again")
        self._labels_by_id = {index: Label(name) for name, index in self.labels.items()}

    def __reduce__(self):
        return Vocabulary, (self.model, self.labels, self.options)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> Vocabulary:
        """Loads the vocabulary of a data folder.

        Raises:
            VocabularyError: it is missing, damaged, or its two files do not belong together.

        Example:
            ```python
            from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary

            vocabulary = Vocabulary.load("data/mini")
            ```
        """
        folder = storage.at(folder)
        if not (folder / MODEL_FILE).is_file() or not (folder / JSON_FILE).is_file():
            raise VocabularyError(f"{folder} holds no {MODEL_FILE} and {JSON_FILE}; generate data there first")
        try:
            stored = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
            labels = {str(name): int(index) for name, index in stored["labels"].items()}
            version, fingerprint, options = stored["version"], stored["fingerprint"], stored.get("options", {})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VocabularyError(f"{folder / JSON_FILE} is damaged ({error!r}); generate the data again") from error
        if version != VERSION:
            raise VocabularyError(f"{folder / JSON_FILE} is of version {version}, not {VERSION}; generate again")
        model = (folder / MODEL_FILE).read_bytes()
        if _fingerprint(model, labels) != fingerprint:
            raise VocabularyError(f"{folder / MODEL_FILE} does not belong to {JSON_FILE}; generate the data again")
        return cls(model, labels, options)

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        labels: Iterable[str] = (),
        size: int = DEFAULT_SIZE,
        folder: str | os.PathLike | None = None,
        seed: int = 0,
    ) -> Vocabulary:
        """Learns a vocabulary. It can be smaller than `size` if the text has too few different subwords.

        Args:
            texts: training text, one sentence an item.
            labels: names of the labels.
            size: wanted number of ids, labels included.
            folder: where it is saved; None does not save it.
            seed: chooses the sample if the text is longer than the trainer takes.

        Raises:
            VocabularyError: no text, or `size` is too small for the bytes, characters and labels.

        Example:
            ```python
            from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary

            vocabulary = Vocabulary.build(["a red circle"] * 9, labels=["NP", "/NP"], size=300, folder="data/toy")
            vocabulary.size <= 300  # True
            ```
        """
        from t2t_multimodel.data.vocabulary import build as vocabulary_build

        names = sorted({str(name) for name in labels})
        model = vocabulary_build.train(texts, size - len(names), seed)
        model, ids = vocabulary_build.append_pieces(model, labels=names)
        vocabulary = cls(model, ids, {"requested_size": size, "seed": seed, "kind": "sentencepiece unigram"})
        if folder is not None:
            vocabulary.save(folder)
        return vocabulary

    def save(self, folder: str | os.PathLike) -> None:
        """Writes `vocab.model` and `vocab.json`, each atomically."""
        folder = storage.at(folder)
        folder.mkdir(parents=True, exist_ok=True)
        stored = {
            "version": VERSION,
            "fingerprint": self.fingerprint,
            "size": self.size,
            "labels": self.labels,
            "options": self.options,
        }
        storage.write_atomically(folder / MODEL_FILE, self.model)
        storage.write_atomically(folder / JSON_FILE, json.dumps(stored, indent=1, ensure_ascii=False).encode("utf-8"))

    def extend(self, pieces: Iterable[str] = (), labels: Iterable[str] = ()) -> Vocabulary:
        """A vocabulary with further pieces and labels at the end; all old ids keep their meaning.

        A new piece is always one id where a text contains it.

        Example:
            ```python
            from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary

            old = Vocabulary.build(["a red circle"] * 9, size=300)
            new = old.extend(pieces=["octagon"], labels=["NP"])
            new.size - old.size  # 2
            len(new.encode_mixed(["octagon"])) < len(old.encode_mixed(["octagon"]))  # True
            ```
        """
        from t2t_multimodel.data.vocabulary import build as vocabulary_build

        new = [str(name) for name in dict.fromkeys(labels) if name not in self.labels]
        model, ids = vocabulary_build.append_pieces(self.model, pieces=pieces, labels=new)
        extends = [*self.options.get("extends", []), self.fingerprint]
        return Vocabulary(model, {**self.labels, **ids}, {**self.options, "extends": extends})

    @property
    def fingerprint(self) -> str:
        """16 hex digits, a checksum of the model and the labels."""
        return _fingerprint(self.model, self.labels)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without the end id."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; much faster than one call for each."""
        if all(texts) and not _unsafe("".join(texts)):
            return self._processor.encode([" " + text for text in texts], num_threads=1)
        unsafe = [not text or _unsafe(text) for text in texts]
        safe = [" " + text for text, alone in zip(texts, unsafe) if not alone]
        encoded = iter(self._processor.encode(safe, num_threads=1))
        return [self._encode_unsafe(text) if alone else next(encoded) for text, alone in zip(texts, unsafe)]

    def encode_mixed(self, tokens: Sequence[str]) -> list[int]:
        """Ids of words and labels: a `Label` is one id; words between labels are joined by blanks and encoded.

        Raises:
            VocabularyError: a label is unknown.
        """
        return self.encode_mixed_batch([tokens])[0]

    def encode_mixed_batch(self, sequences: Sequence[Sequence[str]]) -> list[list[int]]:
        """Ids of several lists of words and labels.

        Raises:
            VocabularyError: a label is unknown.
        """
        texts: list[str] = []
        plans: list[list[tuple[bool, int]]] = []
        for tokens in sequences:
            plan, words = [], []
            for token in tokens:
                if not isinstance(token, Label):
                    words.append(token)
                    continue
                if words:
                    plan.append((True, len(texts)))
                    texts.append(" ".join(words))
                    words = []
                plan.append((False, self.label_id(token)))
            if words:
                plan.append((True, len(texts)))
                texts.append(" ".join(words))
            plans.append(plan)
        encoded = self.encode_batch(texts)
        return [[i for is_text, at in plan for i in (encoded[at] if is_text else (at,))] for plan in plans]

    def decode(self, ids: Iterable[int]) -> str:
        """Text up to the first end id, without padding; a label is written as its name, with blanks around it."""
        return " ".join(str(run) for run in self._runs(ids))

    def decode_tokens(self, ids: Iterable[int]) -> list[str]:
        """Words (`str`, split at blanks) and labels (`Label`) up to the first end id."""
        tokens: list[str] = []
        for run in self._runs(ids):
            if isinstance(run, Label):
                tokens.append(run)
            else:
                tokens.extend(word for word in run.split(" ") if word)
        return tokens

    def label_id(self, name: str) -> int:
        """Id of a label.

        Raises:
            VocabularyError: the label is unknown; the nearest one is named.
        """
        try:
            return self.labels[name]
        except KeyError:
            near = difflib.get_close_matches(name, self.labels, n=1)
            hint = f"the nearest is {near[0]!r}" if near else f"it has {len(self.labels)} labels"
            raise VocabularyError(
                f"label {str(name)!r} is not in the vocabulary ({hint}); "
                "extend it with t2t-vocab --action=extend, or generate into a new --data_dir"
            ) from None

    def piece(self, index: int) -> str:
        """The text of one id, for people to read.

        Raises:
            VocabularyError: the id is outside the vocabulary.
        """
        if index in self._labels_by_id:
            return str(self._labels_by_id[index])
        if not 0 <= index < self.size:
            raise VocabularyError(f"id {index} is outside the vocabulary of {self.size}; give 0 to {self.size - 1}")
        return self._processor.id_to_piece(int(index))

    def in_graph(self) -> GraphVocabulary:
        """Encoding and decoding as operations of a TensorFlow graph."""
        from t2t_multimodel.data.vocabulary.in_graph import GraphVocabulary

        pieces = list(self._pieces)
        for index, label in self._labels_by_id.items():
            pieces[index] = label.encode("utf-8")
        return GraphVocabulary(self.model, pieces, self._labels_by_id, self._bytes)

    def _runs(self, ids: Iterable[int]) -> list[str]:
        runs: list[str] = []
        parts: list[bytes] = []
        for index in ids:
            index = int(index)
            if index == END_ID:
                break
            if not 0 <= index < self.size:
                raise VocabularyError(
                    f"id {index} is outside the vocabulary of {self.size}; use the one it was made with"
                )
            label = self._labels_by_id.get(index)
            if label is None:
                parts.append(self._pieces[index])
                continue
            if parts:
                runs.append(_text(b"".join(parts)))
                parts = []
            runs.append(label)
        if parts:
            runs.append(_text(b"".join(parts)))
        return runs

    def _encode_unsafe(self, text: str) -> list[int]:
        if not text:
            return []
        text = " " + text
        ids: list[int] = []
        for part in _UNSAFE.split(text):
            if _UNSAFE.match(part):
                ids.extend(self._bytes[value] for value in part.encode("utf-8", "surrogatepass"))
            elif part:
                ids.extend(self._processor.encode(part))
        return ids

    @functools.cached_property
    def _pieces(self) -> list[bytes]:
        table = []
        for index in range(self.size):
            special = self._processor.is_control(index) or self._processor.is_unknown(index)
            table.append(b"" if special else self._processor.id_to_piece(index).replace(_BLANK, " ").encode("utf-8"))
        for value, index in enumerate(self._bytes):
            table[index] = bytes([value])
        table[UNK_ID] = "\ufffd".encode()
        return table


def _unsafe(text: str) -> bool:
    if _BLANK in text:
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _text(data: bytes) -> str:
    """The text of a run of pieces without its first blank; bytes that are not UTF-8 become U+FFFD."""
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8", "surrogatepass").removeprefix(" ")
    return data.decode("utf-8", "replace").removeprefix(" ")


def _fingerprint(model: bytes, labels: Mapping[str, int]) -> str:
    listed = json.dumps(sorted(labels.items(), key=lambda item: item[1]), ensure_ascii=True)
    return hashlib.sha256(model + b"\0" + listed.encode("ascii")).hexdigest()[:16]
