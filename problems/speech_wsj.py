"""Wall Street Journal speech, WSJ0 (LDC93S6A/B) and WSJ1 (LDC94S13A/B), as on the discs: SPHERE files and .dot lists.

Splits are kaldi's: train_si284 (si_tr_s of WSJ0 and WSJ1), dev93 (h1_p0, si_dt_20), eval92 (si_et_20 of WSJ0).
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import MultiModelError, SourceError
from t2t_multimodel.problems.readers.archives import Member
from t2t_multimodel.problems.readers.layout import text_of
from t2t_multimodel.problems.speech_corpus import SpeechProblem, archives_below, corpus_members
from t2t_multimodel.registry import register_problem

_ARCHIVE_NAME = r"wsj|csr|ldc93s6|ldc94s13"
_INDICES = {
    "train": re.compile(r"(indices/si_tr_s|indices/train/tr_s_wv1)\.ndx$"),
    "dev": re.compile(r"indices/h1_p0\.ndx$"),
    "test": re.compile(r"indices/test/nvp/si_et_20\.ndx$"),
}
_SETS = {"train": "si_tr_s", "dev": "si_dt_20", "test": "si_et_20"}
_AUDIO = re.compile(r"(?:^|/)([^/]+/[^/]+/[^/]+)\.wv1$")
_TRANSCRIPTS = (".lsn", ".dot")  # the later overrules the earlier
_TRANSCRIPT_LINE = re.compile(r"(.*)\(\s*(\w+)\s*\)\s*$")
# Speaker 401 of disc 11-2.1 is listed but belongs to no training set; kaldi leaves it out, too.
_EXCLUDED = re.compile(r"^11_2_1:wsj0/si_tr_s/401/")
# An apostrophe begins words, too: 'CAUSE.
_PUNCTUATION = re.compile(r"(?:[^\w\s']+|'(?=SINGLE-))([A-Z][A-Z-]+)")
_PUNCTUATION_MODES = ("word", "keep", "remove")
_LEFT_OUT = re.compile(r"\[<\w+\]|\[\w+>\]|.*\[\w+/\]|.*\[/\w+\]|~|\.|.*\[\w+\].*|<>")


@dataclasses.dataclass
class _Lists:
    """What the first pass over the discs finds.

    Attributes:
        transcripts: raw transcript of each utterance id.
        indices: of each split the utterances listed, as ``set/speaker/utterance``.
    """

    transcripts: dict[str, str]
    indices: dict[str, list[str]]


def normalise_transcript(text: str, noise_word: str = "", punctuation: str = "word") -> str:
    """A .dot transcript's words, following kaldi's normalize_transcript.pl.

    Escapes, noise marks such as ``[door_slam]``, ``[<door_slam]`` and ``[/phone_ring]``, pauses (``.``) and cuts
    (``~``) go; ``<and>`` and ``*and*`` become ``AND``; all is upper case.

    Args:
        text: the transcript without the id.
        noise_word: stands for each noise, e.g. ``<NOISE>``; nothing if empty.
        punctuation: what becomes of verbalised punctuation such as ``,COMMA``, which is spoken: ``"word"`` gives
            ``COMMA``, ``"keep"`` leaves it, ``"remove"`` drops it.
    """
    words = []
    for word in text.upper().replace("\\", "").split():
        if re.fullmatch(r"[^\[]*\[\w+\].*", word) and noise_word:
            words.append(noise_word)
            continue
        if _LEFT_OUT.fullmatch(word):
            continue
        word = re.sub(r"^<([\w']+)>$", r"\1", word)
        word = re.sub(r"^\*(.+)\*$", r"\1", word)
        spoken = _PUNCTUATION.fullmatch(word)
        if word in (".POINT", "%PERCENT"):  # a number's, in texts read without verbalised punctuation
            words.append(word[1:])
        elif not spoken or punctuation == "keep":
            words.append(word)
        elif punctuation == "word":
            words.append(spoken[1])
    return " ".join(words)


def parse_transcripts(member: Member, source: Source) -> dict[str, str]:
    """Raw transcripts of a .dot or .lsn file, ``words (utterance)`` a line; malformed lines are dropped."""
    found = {}
    for number, line in enumerate(text_of(member.data).split("\n"), start=1):
        match = _TRANSCRIPT_LINE.fullmatch(line.strip())
        if match:
            found[match[2].lower()] = match[1].strip()
        elif line.strip():
            source.drop("malformed transcript line", f"{member.where}: line {number}")
    return found


def parse_index(member: Member, source: Source) -> list[str]:
    """Utterances of a .ndx file as ``set/speaker/utterance``, lower case; malformed lines are dropped."""
    found = []
    for number, line in enumerate(text_of(member.data).split("\n"), start=1):
        line = line.strip().lower()
        if not line or line.startswith(";"):
            continue
        match = _AUDIO.search(line.split(":", 1)[-1].replace(" ", "").removesuffix(".wv1") + ".wv1")
        if not match or ":" not in line:
            source.drop("malformed index line", f"{member.where}: line {number}")
        elif not _EXCLUDED.match(line.replace(" ", "")):
            found.append(match[1])
    return found


@register_problem("speech_wsj")
class SpeechWsj(SpeechProblem):
    """Read Wall Street Journal text to its transcript; discs unpacked, or in .tar.gz or .tgz read in place."""

    options = {**SpeechProblem.options, "noise_word": "", "punctuation": "word"}
    source_help = (
        "get WSJ0 and WSJ1 (LDC93S6A, LDC94S13A) from the Linguistic Data Consortium, "
        "put the discs' folders or their .tar.gz in a folder and give --source_dir=FOLDER"
    )

    def __init__(self):
        self._cached: tuple[pathlib.Path, _Lists] | None = None

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Utterances in the order of their files; those listed without sound or transcript are dropped."""
        folder = self.require_source(source)
        options = {**self.options, **source.options}
        if options["punctuation"] not in _PUNCTUATION_MODES:
            raise MultiModelError(
                f"option {self.name}.punctuation={options['punctuation']} is unknown; give word, keep or remove"
            )
        archives = archives_below(folder, _ARCHIVE_NAME)
        lists = self._lists(folder, archives, source)
        missing = dict.fromkeys(lists.indices[split])
        by_index = bool(missing)
        taken: set[str] = set()

        def wanted(name: str) -> bool:
            key = _audio_key(name)
            if key is None or key in taken:
                return False
            return key in missing if by_index else key.startswith(f"{_SETS[split]}/")

        for member in corpus_members(folder, archives, source, wanted):
            key = _audio_key(member.name)
            taken.add(key)
            missing.pop(key, None)
            name = key.rpartition("/")[2]
            text = normalise_transcript(lists.transcripts.get(name, ""), options["noise_word"], options["punctuation"])
            if not text:
                source.drop("empty transcript" if name in lists.transcripts else "no transcript", member.where)
                continue
            example = self.utterance(member.data, text, name, member.where, source)
            if example is not None:
                yield example
        for key in missing:
            source.drop("no sound file", f"{folder}: {key}.wv1, listed in the index of {split}")

    def _lists(self, folder: pathlib.Path, archives: list[pathlib.Path], source: Source) -> _Lists:
        """Transcripts and indices, read once for all splits.

        Raises:
            SourceError: there is not one transcript.
        """
        if self._cached is None or self._cached[0] != folder:
            self._cached = (folder, self._read_lists(folder, archives, source))
        if not self._cached[1].transcripts:
            raise SourceError(f"{folder} holds no WSJ transcripts (.dot); {self.source_help}")
        return self._cached[1]

    def _read_lists(self, folder: pathlib.Path, archives: list[pathlib.Path], source: Source) -> _Lists:
        by_kind: dict[str, dict[str, str]] = {kind: {} for kind in _TRANSCRIPTS}
        indices: dict[str, list[str]] = {split: [] for split in _INDICES}

        def wanted(name: str) -> bool:
            name = name.lower()
            return name.endswith(_TRANSCRIPTS) or any(pattern.search(name) for pattern in _INDICES.values())

        for member in corpus_members(folder, archives, source, wanted):
            name = member.name.lower()
            if name.endswith(_TRANSCRIPTS):
                by_kind[name[-4:]].update(parse_transcripts(member, source))
                continue
            for split, pattern in _INDICES.items():
                if pattern.search(name):
                    indices[split] += parse_index(member, source)
        transcripts = {name: text for kind in _TRANSCRIPTS for name, text in by_kind[kind].items()}
        return _Lists(transcripts, indices)


def _audio_key(name: str) -> str | None:
    match = _AUDIO.search(name.lower())
    return match[1] if match else None
