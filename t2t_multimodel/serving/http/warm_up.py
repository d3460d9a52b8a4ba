"""The usual searches are traced at the start, while nothing else waits."""

from __future__ import annotations

import dataclasses

import numpy as np

from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.serving.http.edge.request_log import RequestLog
from t2t_multimodel.serving.http.model_service import ModelService


@dataclasses.dataclass
class WarmUp:
    """What is traced, and how far it is.

    Args:
        service: the model.
        log: for what could not be warmed.

    Attributes:
        done: searches that are traced.
        total: searches to trace.
        needed: the first so many make the server ready: one of each problem.
    """

    service: ModelService
    log: RequestLog
    done: int = 0
    total: int = 0
    needed: int = 0

    @property
    def ready(self) -> bool:
        """Whether each problem's plain search is traced."""
        return self.done >= self.needed

    def begin(self) -> None:
        """Queues one call for each problem and way to search, the plainest first."""
        greedy, beam = self.service.usual_searches()
        for hparams, stream in ((greedy, False), (beam, True), (beam, False), (greedy, True)):
            for problem in self.service.problems:
                self.service.queue.put_background(self._call(problem, hparams, stream))
                self.total += 1
            self.needed = self.needed or self.total

    def _call(self, problem: str, hparams: DecodeHParams, stream: bool):
        def call() -> None:
            try:
                self.service.warm(problem, sample_input(self.service.problems[problem].inputs.form), hparams, stream)
            except MultiModelError as error:  # such as a beam too wide for the vocabulary
                self.log.event("not warmed", problem=problem, error=str(error))
            except Exception as error:
                self.log.event("not warmed", problem=problem, error=type(error).__name__)
            self.done += 1

        return call


def sample_input(form: str) -> str | bytes:
    """A small input of a form: a word, a black picture, or silence."""
    if form == "image":
        from t2t_multimodel.problems.readers.image import encode_png

        return encode_png(np.zeros([32, 32, 3], np.uint8))
    if form == "audio":
        from t2t_multimodel.modalities.audio.spec import wav_bytes

        return wav_bytes(np.zeros(8000, np.float32), 16000)
    return "a"
