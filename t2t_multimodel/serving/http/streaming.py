"""An output as it grows, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from t2t_multimodel.decoding.output import Output
from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.answers import output_answer, timed_out
from t2t_multimodel.serving.http.config import Limits
from t2t_multimodel.serving.http.edge.border import FAULT
from t2t_multimodel.serving.http.edge.request_log import RequestLog, RequestRecord


async def stream_response(
    events: AsyncIterator[str | Output], limits: Limits, log: RequestLog, record: RequestRecord
) -> StreamingResponse:
    """The answer to a request of a stream: ``partial`` events with the text so far, then ``output`` or ``error``.

    Args:
        events: of `ModelService.stream`.
        limits: their time limit holds from now to the end.
        log: for faults.
        record: of the request.

    Raises:
        RequestError: the input cannot be served; nothing was sent yet.
    """
    deadline = asyncio.get_running_loop().time() + limits.timeout_s
    try:
        first = await _next(events, deadline)
    except TimeoutError:
        raise timed_out(limits) from None

    async def lines() -> AsyncIterator[str]:
        event = first
        async with contextlib.aclosing(events):
            try:
                while event is not None:
                    if isinstance(event, Output):
                        yield _line("output", output_answer(event))
                        return
                    yield _line("partial", {"text": event})
                    event = await _next(events, deadline)
            except TimeoutError:
                yield _line("error", {"error": str(timed_out(limits))})
            except RequestError as error:
                yield _line("error", {"error": str(error)})
            except Exception as error:  # the head of the answer is sent: the fault becomes an event
                log.fault(record, error)
                yield _line("error", {"error": FAULT})

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _next(events: AsyncIterator[str | Output], deadline: float) -> str | Output | None:
    async with asyncio.timeout_at(deadline):
        return await anext(events, None)


def _line(event: str, data: dict[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
