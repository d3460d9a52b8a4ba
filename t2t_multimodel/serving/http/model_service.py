"""A trained model behind a queue: requests in, outputs out, from any number of tasks of one event loop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from t2t_multimodel.data.console import collected_warnings
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import PreparedInput, ProblemDecoder
from t2t_multimodel.errors import DecodeError, InputLimitError, MultiModelError, RequestError
from t2t_multimodel.report.one_input import Inspection
from t2t_multimodel.serving.http.batch_queue import BatchQueue
from t2t_multimodel.serving.http.config import Limits, QueueConfig
from t2t_multimodel.trained_model import TrainedModel

Given = str | bytes | RequestError
_READERS = 2
_STREAM_IDS = 3
_KNOWN_SEARCHES = 64
_USUAL_BEAM = 4


@dataclasses.dataclass(frozen=True)
class Key:
    """What is run together.

    Attributes:
        problem: its name.
        what: the rest that must be equal.
    """

    problem: str
    what: Any


class ModelService:
    """Reads inputs in a few threads and runs the model in one.

    Args:
        model: the trained model.
        limits: of requests.
        queue: how requests are batched.
        observe: called with problem and size of each batch.
    """

    def __init__(
        self,
        model: TrainedModel,
        limits: Limits,
        queue: QueueConfig,
        observe: Callable[[str, int], None] = lambda problem, size: None,
    ):
        self.limits, self.config = limits, queue
        self._model, self._lock = model, threading.Lock()
        self.problems: dict[str, Problem] = {name: model.decoder(name).problem for name in model.problems}
        self.queue = BatchQueue(queue, lambda key, size: observe(key.problem, size))
        self._known: dict[tuple[str, DecodeHParams], None] = {}
        self._new: collections.Counter[tuple[str, DecodeHParams]] = collections.Counter()
        self._usual = {one.of_trace() for one in self.usual_searches()}
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")

    @property
    def step(self) -> int:
        """Training step of the model."""
        return self._model.step

    def usual_searches(self) -> tuple[DecodeHParams, DecodeHParams]:
        """Those that are traced at the start: greedy search and a beam."""
        greedy = DecodeHParams(batch_size=self.config.max_batch, extra_length=self.limits.max_extra_length)
        return greedy, dataclasses.replace(greedy, beam_size=_USUAL_BEAM, return_beams=True)

    def waiting(self) -> dict[str, int]:
        """Inputs that wait, by problem."""
        counts = dict.fromkeys(self.problems, 0)
        for key, length in self.queue.lengths().items():
            counts[key.problem] += length
        return counts

    async def decode(
        self, problem: str, inputs: Sequence[Given], hparams: DecodeHParams
    ) -> list[Output | RequestError]:
        """An output, or an error, for each input.

        Raises:
            RequestError: the server has too much to do, or the beam does not fit.
        """
        with self.queue.held(len(inputs)), self._known_or_few(problem, hparams):
            decoder = self._decoder(problem, hparams)
            return list(await asyncio.gather(*(self._decode_one(problem, one, decoder) for one in inputs)))

    async def _decode_one(self, problem: str, given: Given, decoder: ProblemDecoder) -> Output | RequestError:
        try:
            prepared = await self._prepare(given, decoder)
        except RequestError as error:
            return error

        def run(items: Sequence[PreparedInput]) -> list[Output]:
            with self._few_searches(decoder.hparams):
                return decoder.decode_prepared(items)

        output = await self._run(Key(problem, decoder.hparams), prepared, run)
        self._know(problem, decoder.hparams)
        return output

    async def stream(self, problem: str, given: Given, hparams: DecodeHParams) -> AsyncIterator[str | Output]:
        """The output of one input as it grows: texts, and at the end the output. It runs in a batch of its own.

        Raises:
            RequestError: the input cannot be served.
        """
        loop, events, left = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()

        def run(items: Sequence[PreparedInput]) -> list[None]:
            with self._few_searches(hparams):
                for event in decoder.stream_prepared(items[0], _STREAM_IDS):
                    if left.is_set():
                        break
                    loop.call_soon_threadsafe(events.put_nowait, event)
            return [None]

        with self.queue.held(1), self._known_or_few(problem, hparams):
            decoder = self._decoder(problem, hparams)
            prepared = await self._prepare(given, decoder)
            done = asyncio.ensure_future(self._run(Key(problem, object()), prepared, run))
            done.add_done_callback(lambda _: events.put_nowait(None))
            try:
                while (event := await events.get()) is not None:
                    yield event
                await done  # raises what went wrong
                self._know(problem, hparams)
            finally:
                left.set()
                done.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await done

    async def inspect(self, problem: str, given: Given, hparams: DecodeHParams) -> Inspection:
        """What the model does with one input.

        Raises:
            RequestError: the input cannot be served.
        """

        def run(items: Sequence[PreparedInput]) -> list[Inspection]:
            return [self._model.inspect_prepared(problem, items[0], hparams)]

        with self.queue.held(1):
            prepared = await self._prepare(given, self._decoder(problem, hparams))
            return await self._run(Key(problem, object()), prepared, run)

    def warm(self, problem: str, given: str | bytes, hparams: DecodeHParams, stream: bool = False) -> None:
        """Decodes an input in the calling thread, so that the search it needs is traced."""
        decoder = self._decoder(problem, hparams)
        prepared = decoder.prepare(given)
        if stream:
            list(decoder.stream_prepared(prepared))
        else:
            decoder.decode_prepared([prepared])
        self._know(problem, hparams)

    def stop(self) -> None:
        """Ends the threads."""
        self.queue.stop()
        self._readers.shutdown(cancel_futures=True)

    @contextlib.contextmanager
    def _known_or_few(self, problem: str, hparams: DecodeHParams) -> Iterator[None]:
        """Lets requests pass whose search is known, and those of a few others, as tracing holds up all.

        Raises:
            RequestError: there are enough of the others (503).
        """
        key = problem, hparams.of_trace()
        if key not in self._known and key not in self._new and len(self._new) >= self.limits.max_new_searches:
            raise RequestError("searches of new settings wait to be prepared; take usual ones, or ask again", 503)
        self._new[key] += 1
        try:
            yield
        finally:
            self._new[key] -= 1
            self._new += collections.Counter()  # leaves out what is 0

    @contextlib.contextmanager
    def _few_searches(self, hparams: DecodeHParams) -> Iterator[None]:
        """Lets the model thread trace unusual searches only while there are few, as each takes memory for good."""
        traces = self._model.keras_model.traces
        traces.limit = None if hparams.of_trace() in self._usual else self.limits.max_searches
        try:
            yield
        except DecodeError as error:
            raise RequestError(str(error), 503) from None
        finally:
            traces.limit = None

    def _know(self, problem: str, hparams: DecodeHParams) -> None:
        """Remembers that a search is traced; those that were not asked for the longest are forgotten."""
        key = problem, hparams.of_trace()
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = None
            while len(self._known) > _KNOWN_SEARCHES:
                del self._known[next(iter(self._known))]

    async def _run(self, key: Key, item: Any, run: Callable[[Sequence[Any]], Sequence[Any]]) -> Any:
        return await asyncio.wrap_future(self.queue.put(key, item, run))

    async def _prepare(self, given: Given, decoder: ProblemDecoder) -> PreparedInput:
        if isinstance(given, RequestError):
            raise given
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, given, decoder)

    def _read(self, given: str | bytes, decoder: ProblemDecoder) -> PreparedInput:
        """Holds an input to the limits and encodes it."""
        limits = self.limits.inputs
        try:
            decoder.problem.inputs.check_limits(given, limits)
            with collected_warnings() as warnings:
                prepared = decoder.prepare(given)
        except InputLimitError as error:
            raise RequestError(str(error), 413) from None
        except MultiModelError as error:
            raise RequestError(str(error), 422) from None
        if decoder.problem.inputs.uses_vocabulary and prepared.length > limits.ids:
            raise RequestError(f"text of {prepared.length} ids; give at most {limits.ids}", 413)
        notes = [*warnings, *filter(None, [prepared.warning])]
        return dataclasses.replace(prepared, warning="; ".join(notes) or None)

    def _decoder(self, problem: str, hparams: DecodeHParams) -> ProblemDecoder:
        try:
            return self._model.decoder(problem, hparams)
        except MultiModelError as error:
            raise RequestError(str(error), 400) from None
