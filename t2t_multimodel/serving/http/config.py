"""Settings of the server."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from t2t_multimodel.data.input_limits import InputLimits
from t2t_multimodel.errors import MultiModelError


class Example(Protocol):
    """An input that stands ready on the page.

    Attributes:
        label: what it is, in a few words.
        text: the input, where it is text.
        file: path of a picture or sound, else None.
    """

    label: str
    text: str | None
    file: str | None


Examples = Mapping[str, Sequence[Example]]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request may ask for, and how long it may take.

    Attributes:
        inputs: how large each input may be.
        max_inputs: inputs of a request.
        max_body_bytes: bytes of a request's body.
        max_bodies_bytes: bytes of all bodies that the server holds at once.
        max_values: values, lists and members of a JSON body, about.
        max_beams: widest beam.
        max_extra_length: of the decode option `extra_length`.
        max_new_searches: requests at once whose way to search was not asked for before; tracing one takes seconds.
        max_searches: ways to search, with lengths, that are kept traced; usual ones are always served.
        body_timeout_s: seconds in which a request's body must have come.
        timeout_s: seconds in which an answer must be there; past it 504.
    """

    inputs: InputLimits = dataclasses.field(default_factory=InputLimits)
    max_inputs: int = 64
    max_body_bytes: int = 8 << 20
    max_bodies_bytes: int = 256 << 20
    max_values: int = 100_000
    max_beams: int = 8
    max_extra_length: int = 100
    max_new_searches: int = 4
    max_searches: int = 96
    body_timeout_s: float = 10.0
    timeout_s: float = 60.0


@dataclasses.dataclass(frozen=True)
class QueueConfig:
    """How requests are gathered into batches.

    Attributes:
        batch_wait_ms: how long the first input of a batch waits for others, where the model is idle.
        max_batch: inputs decoded together.
        max_queue: inputs that the server holds at once; more are refused with 503.
    """

    batch_wait_ms: float = 5.0
    max_batch: int = 32
    max_queue: int = 512


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """What to serve, where and how.

    Attributes:
        output_dir: the run folder.
        checkpoint: path of one of its checkpoints; None takes the newest.
        host: address to listen at; 127.0.0.1 is reached from this machine alone.
        port: 0 takes a free one.
        limits: of requests.
        queue: how requests are batched.
        warm_up: traces the usual searches at the start.
        examples: inputs that stand ready on the page, by problem.

    Raises:
        MultiModelError: a value is out of range.
    """

    output_dir: str
    checkpoint: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    limits: Limits = dataclasses.field(default_factory=Limits)
    queue: QueueConfig = dataclasses.field(default_factory=QueueConfig)
    warm_up: bool = True
    examples: Examples = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not 0 <= self.port < 1 << 16:
            raise MultiModelError(f"port {self.port} does not exist; give 1 to 65535, or 0 for a free one")
        if self.queue.batch_wait_ms < 0 or self.queue.max_batch < 1 or self.queue.max_queue < 1:
            raise MultiModelError("batch_wait_ms, max_batch or max_queue is too small; give 0, 1 and 1 or more")
        if self.limits.timeout_s <= 0 or self.limits.max_body_bytes < 1:
            raise MultiModelError("limits must be more than 0; give timeout_s and max_body_bytes above it")
