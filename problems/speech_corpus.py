"""Shared by speech corpora: finding files in folders and archives, and checking each utterance."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from t2t_multimodel.data.problem import Problem, Source
from t2t_multimodel.errors import BadExampleError
from t2t_multimodel.modalities import AudioSpec, SymbolSpec
from t2t_multimodel.problems.readers import audio as audio_io
from t2t_multimodel.problems.readers.archives import Member, folder_members, tar_members

_TAR = re.compile(r"\.(tar|tar\.gz|tgz)$", re.IGNORECASE)
_DEPTH = 4


class SpeechProblem(Problem):
    """Speech at 16 kHz to its transcript."""

    inputs = AudioSpec(sample_rate=16000)
    targets = SymbolSpec()
    command = "to_transcript"
    metrics = ("wer", "cer")
    options = {"min_seconds": 0.1, "max_seconds": 20.0}

    def utterance(self, data: bytes, text: str, name: str, where: str, source: Source) -> dict[str, Any] | None:
        """One example, or None if the audio is damaged or its length is outside the limits of the options.

        Args:
            data: the bytes of the audio file.
            text: the transcript.
            name: id of the utterance.
            where: location of the audio file, for messages.
            source: receives bad examples.
        """
        try:
            samples = audio_io.decode(data, self.inputs.sample_rate, lambda reason: source.note(reason, where))
        except BadExampleError as error:
            source.drop(str(error), where)
            return None
        return self.checked(samples, text, name, source)

    def checked(self, samples: np.ndarray, text: str, name: str, source: Source) -> dict[str, Any] | None:
        """One example of decoded audio, or None if its length is outside the limits of the options."""
        options = {**self.options, **source.options}
        seconds = len(samples) / self.inputs.sample_rate
        if seconds > options["max_seconds"]:
            source.skip("longer than max_seconds")
            return None
        if seconds < options["min_seconds"]:
            source.skip("shorter than min_seconds")
            return None
        return {"inputs": samples, "targets": text, "meta/id": name}


def archives_below(folder: pathlib.Path, name_pattern: str) -> list[pathlib.Path]:
    """Tar archives with matching names, at most four levels below a folder, sorted from the top downwards."""
    pattern = re.compile(name_pattern, re.IGNORECASE)
    found, level = [], [folder]
    for _ in range(_DEPTH):
        entries = sorted(entry for parent in level for entry in parent.iterdir())
        level = [entry for entry in entries if entry.is_dir()]
        found += [path for path in entries if _TAR.search(path.name) and pattern.search(path.name) and path.is_file()]
    return found


def corpus_members(
    folder: pathlib.Path, archives: list[pathlib.Path], source: Source, wanted: Callable[[str], bool]
) -> Iterator[Member]:
    """Wanted files of a corpus, the unpacked ones first, then those in each archive.

    Args:
        folder: --source_dir.
        archives: tar files to stream.
        source: receives what is damaged.
        wanted: whether to read the file of this path.
    """
    yield from folder_members(folder, source, wanted=wanted)
    for archive in archives:
        yield from tar_members(archive, source, wanted=wanted)
