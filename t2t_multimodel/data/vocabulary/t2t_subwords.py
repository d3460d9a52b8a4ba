"""Tensor2Tensor's `.subwords` files: encoding and decoding as its SubwordTextEncoder does."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NoReturn

from t2t_multimodel.data import storage
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID, Label
from t2t_multimodel.errors import ExportError, VocabularyError

_ESCAPE_CHARS = set("\\_u;0123456789")
_UNESCAPE = re.compile(r"\\u|\\\\|\\([0-9]+);")


class T2TSubwordVocabulary:
    """A subword vocabulary of Tensor2Tensor, with the interface of `Vocabulary`; it has no labels.

    Text is split into tokens where letters or digits meet other characters. A single blank between two words is
    dropped. A token is escaped and gets an underscore at its end. Then the longest subword that matches is taken, from
    left to right.

    Args:
        subwords: the subwords by id; the first two are padding and end.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary

        vocabulary = T2TSubwordVocabulary(["<pad>", "<EOS>", "cat", "cat_", "s_", *"acst_"])
        vocabulary.encode("cat cats")  # [3, 2, 4]
        vocabulary.decode([3, 2, 4])  # "cat cats"
        ```

    Reference: Tensor2Tensor 1.9.0, `data_generators/text_encoder.py` and `tokenizer.py`.
    """

    def __init__(self, subwords: Sequence[str]):
        if len(subwords) < 3:
            raise VocabularyError(
                f"a vocabulary of {len(subwords)} subwords is too small for a .subwords file; give one of Tensor2Tensor"
            )
        self.subwords = list(subwords)
        self.size = len(self.subwords)
        self.labels: dict[str, int] = {}
        # Ids 0 and 1 are reserved: text never encodes to them.
        self._ids = {piece: index for index, piece in enumerate(self.subwords) if index > END_ID and piece}
        self._longest = max(map(len, self._ids))
        self._alphabet = {char for piece in self._ids for char in piece if char in self._ids} | _ESCAPE_CHARS
        self._token_ids = functools.lru_cache(maxsize=1 << 18)(self._encode_token)

    def __reduce__(self):
        return T2TSubwordVocabulary, (self.subwords,)

    @classmethod
    def load(cls, path: str | os.PathLike) -> T2TSubwordVocabulary:
        """Reads a `.subwords` file: one quoted subword a line.

        Raises:
            VocabularyError: the file is missing, unreadable or too small.
        """
        path = storage.at(path)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise VocabularyError(
                f"{path} cannot be read as a .subwords file ({error}); give another --subwords_file"
            ) from error
        pieces = []
        for line in lines[:-1] if lines and not lines[-1] else lines:
            text = line.strip()
            if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
                text = text[1:-1]
            pieces.append(text)
        return cls(pieces)

    @property
    def fingerprint(self) -> str:
        """16 hex digits, a checksum of the subwords."""
        return hashlib.sha256("\n".join(self.subwords).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without the end id."""
        return [index for token in _tokens(text) for index in self._token_ids(token)]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        return [self.encode(text) for text in texts]

    def encode_mixed(self, tokens: Sequence[str]) -> list[int]:
        """Ids of words joined by blanks.

        Raises:
            VocabularyError: one of them is a label.
        """
        for token in tokens:
            if isinstance(token, Label):
                self.label_id(token)
        return self.encode(" ".join(tokens))

    def decode(self, ids: Iterable[int]) -> str:
        """Text up to the first end id, padding left out."""
        pieces = []
        for index in map(int, ids):
            if index == END_ID:
                break
            if not 0 <= index < self.size:
                raise VocabularyError(
                    f"id {index} is outside the vocabulary of {self.size}; use the one it was made with"
                )
            if index != PAD_ID:
                pieces.append(self.subwords[index])
        tokens = [_unescape(token) for token in "".join(pieces).split("_") if token]
        return _join([token for token in tokens if token])

    def decode_tokens(self, ids: Iterable[int]) -> list[str]:
        """Words, split at blanks, up to the first end id."""
        return [word for word in self.decode(ids).split(" ") if word]

    def label_id(self, name: str) -> int:
        """Raises a VocabularyError: there are no labels."""
        raise VocabularyError(f"label {str(name)!r}: a .subwords vocabulary has no labels; generate the data again")

    def piece(self, index: int) -> str:
        """The subword of one id."""
        if not 0 <= index < self.size:
            raise VocabularyError(f"id {index} is outside the vocabulary of {self.size}; give 0 to {self.size - 1}")
        return self.subwords[index]

    def in_graph(self) -> NoReturn:
        """Raises an ExportError: there are no operations of a graph for it."""
        raise ExportError(
            "a .subwords vocabulary of Tensor2Tensor has no form inside a TensorFlow graph; decode with t2t-decoder, or"
            " generate the data with a vocabulary of this project (t2t-datagen without vocab.subwords) and train on it"
        )

    def _encode_token(self, token: str) -> tuple[int, ...]:
        escaped = _escape(token, self._alphabet)
        ids, start = [], 0
        while start < len(escaped):
            for end in range(min(len(escaped), start + self._longest), start, -1):
                index = self._ids.get(escaped[start:end])
                if index is not None:
                    ids.append(index)
                    start = end
                    break
            else:
                raise VocabularyError(f"{escaped[start]!r} is not a subword; the .subwords file is damaged")
        return tuple(ids)


@functools.lru_cache(maxsize=1 << 16)
def _is_alphanumeric(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN"


def _tokens(text: str) -> list[str]:
    if not text:
        return []
    tokens, start = [], 0
    for at in range(1, len(text)):
        if _is_alphanumeric(text[at]) != _is_alphanumeric(text[at - 1]):
            token = text[start:at]
            if token != " " or start == 0:
                tokens.append(token)
            start = at
    tokens.append(text[start:])
    return tokens


def _join(tokens: Sequence[str]) -> str:
    parts: list[str] = []
    for at, token in enumerate(tokens):
        if at and _is_alphanumeric(tokens[at - 1][0]) and _is_alphanumeric(token[0]):
            parts.append(" ")
        parts.append(token)
    return "".join(parts)


def _escape(token: str, alphabet: set[str]) -> str:
    token = token.replace("\\", "\\\\").replace("_", "\\u")
    return "".join(char if char in alphabet and char != "\n" else f"\\{ord(char)};" for char in token) + "_"


def _unescape(token: str) -> str:
    def plain(match: re.Match) -> str:
        if match[1] is None:
            return "_" if match[0] == "\\u" else "\\"
        try:
            return chr(int(match[1]))
        except (ValueError, OverflowError):
            return "\u3013"

    return _UNESCAPE.sub(plain, token)
