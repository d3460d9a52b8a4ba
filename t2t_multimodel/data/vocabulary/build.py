"""Learning a SentencePiece model and adding pieces to one."""

from __future__ import annotations

import io
import math
import random
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from t2t_multimodel.data.records.example_proto import varint
from t2t_multimodel.errors import VocabularyError

MAX_TRAINING_CHARS = 20_000_000
_MAX_SENTENCE_CHARS = 1000
_FIXED_PIECES = 3 + 256
_WORD_CHARS, _WORD_COUNT = 32, 5
_RARE = 1e-6
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4  # ModelProto.SentencePiece.Type
# Control characters, U+2581 and U+2585 mean something to the trainer; surrogates are not valid UTF-8.
_UNTRAINABLE = re.compile("[\x00-\x1f\x7f\u2581\u2585\ud800-\udfff]+")


class TextSample:
    """A bounded sample of a stream of texts, spread evenly over the stream.

    When the sample has more characters than its budget, it drops every second text. From then on it takes only every
    second text of the stream.

    Args:
        budget: characters to keep at most.
        seed: decides which of two texts is dropped.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.build import TextSample

        sample = TextSample(budget=20)
        for number in range(1000):
            sample.add(f"text {number:03}")
        sum(map(len, sample.texts)) <= 20  # True
        ```
    """

    def __init__(self, budget: int, seed: int = 0):
        self.texts: list[str] = []
        self._budget = budget
        self._random = random.Random(seed)
        self._chars = 0
        self._step = 1
        self._wait = 0

    def add(self, text: str) -> None:
        """Takes or skips the next text of the stream."""
        if self._wait:
            self._wait -= 1
            return
        self._wait = self._step - 1
        self.texts.append(text)
        self._chars += len(text)
        while self._chars > self._budget and len(self.texts) > 1:
            self.texts = self.texts[self._random.randrange(2) :: 2]
            self._chars = sum(map(len, self.texts))
            self._step *= 2


def train(texts: Iterable[str], size: int, seed: int = 0) -> bytes:
    """A serialized unigram model of at most `size` pieces.

    Args:
        texts: training sentences.
        size: wanted number of pieces, including the 256 bytes and the three special ids.
        seed: chooses the sample if there are more than `MAX_TRAINING_CHARS` characters.

    Raises:
        VocabularyError: no usable text, or `size` leaves no room for subwords.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.build import train

        model = train(["a small red circle"] * 9, size=280)
        ```
    """
    sample = TextSample(MAX_TRAINING_CHARS, seed)
    for text in texts:
        for sentence in _sentences(text):
            sample.add(sentence)
    words = _count_words(sample.texts)
    if not words:
        raise VocabularyError("no text to learn a vocabulary from; check the training split of the problems")
    room = size - _FIXED_PIECES
    if room < 2:
        raise VocabularyError(f"--vocab_size leaves {room} subwords beside bytes and labels; raise it by some hundreds")
    return _add_words(_train(_without_rare_characters(words, room), size), words, size)


def append_pieces(model: bytes, pieces: Iterable[str] = (), labels: Iterable[str] = ()) -> tuple[bytes, dict[str, int]]:
    """Adds pieces and labels at the end of a model; nothing else changes.

    Args:
        model: a serialized SentencePiece model.
        pieces: texts that become one id wherever they occur.
        labels: names of labels; text never encodes to them.

    Returns:
        The new serialized model and the ids of the labels.

    Raises:
        VocabularyError: a piece is empty or has a control character.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.build import append_pieces, train

        model = train(["a small red circle"] * 9, size=280)
        model, ids = append_pieces(model, pieces=["octagon"], labels=["NP", "/NP"])
        ids["/NP"] - ids["NP"]  # 1
        ```
    """
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    known = {processor.id_to_piece(index) for index in range(processor.get_piece_size())}
    parts, ids = [model], {}
    for piece in dict.fromkeys(pieces):
        if not piece or _UNTRAINABLE.search(piece):
            raise VocabularyError(f"{piece!r} cannot be a piece; give text without control characters")
        written = piece.replace(" ", "\u2581")
        if written not in known:
            parts.append(_piece_field(written, 0.0, _USER_DEFINED))
            known.add(written)
    size = processor.get_piece_size() + len(parts) - 1
    for index, name in enumerate(labels):
        ids[name] = size + index
        # No subword can equal a label: a subword has U+2581 where a label has a blank.
        parts.append(_piece_field(f"label {name}", 0.0, _CONTROL))
    return b"".join(parts), ids


def _piece_field(piece: str, score: float, kind: int) -> bytes:
    """One more entry of ModelProto.pieces: {piece = 1, score = 2, type = 3}.

    Serialized protobuf messages merge when they are concatenated, so an entry can be appended to a finished model.
    (SentencePiece's protobuf module needs a newer protobuf than TensorFlow allows.)
    """
    text = piece.encode("utf-8")
    body = b"\x0a" + varint(len(text)) + text + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind)
    return b"\x0a" + varint(len(body)) + body


def _add_words(model: bytes, words: Mapping[str, int], size: int) -> bytes:
    """Adds frequent words that the model splits, until it has `size` pieces.

    The trainer takes its candidates from substrings that several words share. If a text has few different words, most
    of them stay split. The score of an added word is its log-probability, as in any unigram model.
    """
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    room = size - processor.get_piece_size()
    if room <= 0:
        return model
    total = sum(words.values())
    usual = [word for word in words if words[word] >= _WORD_COUNT and len(word) <= _WORD_CHARS and word.isalpha()]
    parts = [model]
    for word in sorted(usual, key=lambda word: (-words[word], word)):
        if len(parts) > room:
            break
        if len(processor.encode(" " + word)) > 1:
            parts.append(_piece_field(f"\u2581{word}", math.log(words[word] / total), _NORMAL))
    return b"".join(parts)


def _sentences(text: str) -> Iterator[str]:
    clean = _UNTRAINABLE.sub(" ", text)
    for start in range(0, len(clean), _MAX_SENTENCE_CHARS):
        yield clean[start : start + _MAX_SENTENCE_CHARS]


def _count_words(texts: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for start in range(0, len(texts), 10_000):
        counts.update(" ".join(texts[start : start + 10_000]).split(" "))
    return Counter({word: count for word, count in counts.items() if word and not word.isspace()})


def _without_rare_characters(words: Mapping[str, int], room: int) -> Counter[str]:
    """The words split at rare characters, which are encoded as bytes.

    Characters get at most half of `room`; a character rarer than one in a million gets no piece.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
    least = sum(counts.values()) * _RARE
    ranked = sorted(counts, key=lambda char: (-counts[char], char))
    rare = [char for rank, char in enumerate(ranked) if rank >= max(1, room // 2) or counts[char] < least]
    table = dict.fromkeys(map(ord, rare), " ")
    usual: Counter[str] = Counter()
    for word, count in words.items():
        for part in word.translate(table).split(" "):
            if part:
                usual[part] += count
    return usual


def _train(words: Mapping[str, int], size: int) -> bytes:
    import sentencepiece

    ordered = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            # Words with their counts instead of sentences: the same model in half the time.
            sentence_iterator=(f" {word}\t{count}" for word, count in ordered),
            input_format="tsv",
            model_writer=model,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=8 * _MAX_SENTENCE_CHARS,
            shrinking_factor=0.5,
            seed_sentencepiece_size=max(5 * size, 20_000),
            # The number of threads changes the float sums. It is fixed so that every machine gets the same result.
            num_threads=4,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise VocabularyError(f"learning {size} pieces failed ({error}); change --vocab_size") from error
    return model.getvalue()
