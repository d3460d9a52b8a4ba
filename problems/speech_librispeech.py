"""LibriSpeech (OpenSLR 12): FLAC files and .trans.txt lists, unpacked or in the official .tar.gz, or through tfds."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import SourceError
from t2t_multimodel.problems.readers.archives import Member
from t2t_multimodel.problems.readers.layout import text_of
from t2t_multimodel.problems.readers.tfds import tfds_examples
from t2t_multimodel.problems.speech_corpus import SpeechProblem, archives_below, corpus_members
from t2t_multimodel.registry import register_problem

_SPLITS = {"train": r"train-(clean|other)-\d+", "dev": r"dev-clean", "test": r"test-clean"}
_TFDS_SPLITS = {"train": "train_clean100", "dev": "dev_clean", "test": "test_clean"}
_FILE = re.compile(r"(?:^|/)([a-z]+-[a-z]+(?:-\d+)?)/\d+/\d+/(\d+-\d+(?:-\d+)?)(\.flac|\.trans\.txt)$")


@register_problem("speech_librispeech")
class SpeechLibrispeech(SpeechProblem):
    """Read books to their transcripts: every train set that is there, dev-clean and test-clean."""

    options = {**SpeechProblem.options, "tfds": False}
    source_help = (
        "get train-clean-100.tar.gz, dev-clean.tar.gz and test-clean.tar.gz from openslr.org/12 "
        "and give --source_dir=FOLDER, or --problem_options=tfds=true"
    )

    def examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        """Utterances in the order of their files; those without sound or transcript are dropped."""
        if {**self.options, **source.options}["tfds"]:
            yield from self._tfds_examples(split, source)
            return
        folder = self.require_source(source)
        in_split = re.compile(_SPLITS[split])
        archives = archives_below(folder, rf"^{_SPLITS[split]}\.")
        transcripts = self._transcripts(folder, archives, source, in_split)
        if not transcripts and split == "train":
            raise SourceError(f"{folder} holds no LibriSpeech train set; {self.source_help}")
        taken: set[str] = set()

        def wanted(name: str) -> bool:
            match = _matched(name, in_split, ".flac")
            return match is not None and match not in taken

        for member in corpus_members(folder, archives, source, wanted):
            name = _matched(member.name, in_split, ".flac")
            taken.add(name)
            if not transcripts.get(name):
                source.drop("no transcript", member.where)
                continue
            example = self.utterance(member.data, transcripts[name], name, member.where, source)
            if example is not None:
                yield example
        for name in transcripts:
            if name not in taken:
                source.drop("no sound file", f"{folder}: {name}.flac, listed in its .trans.txt")

    def _transcripts(
        self, folder: pathlib.Path, archives: list[pathlib.Path], source: Source, in_split: re.Pattern
    ) -> dict[str, str]:
        found: dict[str, str] = {}

        def wanted(name: str) -> bool:
            return _matched(name, in_split, ".trans.txt") is not None

        for member in corpus_members(folder, archives, source, wanted):
            for name, text in parse_transcripts(member, source).items():
                found.setdefault(name, text)
        return found

    def _tfds_examples(self, split: str, source: Source) -> Iterator[dict[str, Any]]:
        for item in tfds_examples("librispeech", _TFDS_SPLITS[split], source):
            speech = np.asarray(item["speech"], np.float32)
            if speech.size and np.abs(speech).max() > 1:
                speech = speech / np.float32(1 << 15)
            text, name = item["text"].decode("utf-8", "replace"), item["id"].decode("utf-8", "replace")
            example = self.checked(speech, text, name, source)
            if example is not None:
                yield example


def parse_transcripts(member: Member, source: Source) -> dict[str, str]:
    """Transcripts of a .trans.txt file, ``utterance WORDS`` a line; malformed lines are dropped."""
    found = {}
    for number, line in enumerate(text_of(member.data).split("\n"), start=1):
        name, _, text = line.strip().partition(" ")
        if re.fullmatch(r"\d+-\d+-\d+", name) and text.strip():
            found[name] = text.strip()
        elif line.strip():
            source.drop("malformed transcript line", f"{member.where}: line {number}")
    return found


def _matched(name: str, in_split: re.Pattern, kind: str) -> str | None:
    """Id of the file's utterance or chapter if the file is of the kind and in the split."""
    match = _FILE.search(name.lower())
    return match[2] if match and match[3] == kind and in_split.fullmatch(match[1]) else None
