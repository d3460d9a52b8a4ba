"""A queue with a bound, and the one thread that runs the model on what waits in it, in batches."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.config import QueueConfig

Run = Callable[[Sequence[Any]], Sequence[Any]]
Observe = Callable[[Hashable, int], None]


class _Waiting:
    """Items of one key, in the order of their coming."""

    def __init__(self, run: Run):
        self.run = run
        self.items: collections.deque[tuple[float, Any, Future]] = collections.deque()


class BatchQueue:
    """Items of equal key are run together by one thread; each gets its result by a future.

    The key that has waited longest comes first. Where the thread is idle, its first item waits `batch_wait_ms` for
    others. An item whose future was cancelled before its batch began is left out.

    Args:
        config: bounds and waiting time.
        observe: called with the key and size of each batch.

    Example:
        queue = BatchQueue(QueueConfig())
        with queue.held(1):
            result = queue.put("square", 3, run=lambda items: [item**2 for item in items]).result()
        queue.stop()
    """

    def __init__(self, config: QueueConfig, observe: Observe = lambda key, size: None):
        self._config, self._observe = config, observe
        self._waiting: dict[Hashable, _Waiting] = {}
        self._background: collections.deque[Callable[[], None]] = collections.deque()
        self._changed = threading.Condition()
        self._held, self._stopped = 0, False
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def held_inputs(self) -> int:
        """Inputs that were taken and are not answered."""
        return self._held

    def lengths(self) -> dict[Hashable, int]:
        """Items that wait, by key."""
        with self._changed:
            return {key: len(waiting.items) for key, waiting in self._waiting.items()}

    @contextlib.contextmanager
    def held(self, count: int) -> Iterator[None]:
        """Room for `count` inputs, from before they are read until they are answered.

        Raises:
            RequestError: there is no room (503).
        """
        with self._changed:
            if self._held + count > self._config.max_queue:
                raise RequestError("the server has as much to do as it can hold; ask again in a second", 503)
            self._held += count
        try:
            yield
        finally:
            with self._changed:
                self._held -= count

    def put(self, key: Hashable, item: Any, run: Run) -> Future:
        """Queues an item.

        Args:
            key: items of the same key may be run together.
            item: anything.
            run: takes items of the key and gives a result for each.
        """
        future: Future = Future()
        with self._changed:
            if self._stopped:
                raise RequestError("the server is stopping; ask again when it is back", 503)
            waiting = self._waiting.setdefault(key, _Waiting(run))
            waiting.items.append((time.monotonic(), item, future))
            self._changed.notify_all()
        return future

    def put_background(self, call: Callable[[], None]) -> None:
        """Queues a call that is made when nothing else waits."""
        with self._changed:
            self._background.append(call)
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends the thread once the batch it runs is done; what waits is cancelled."""
        with self._changed:
            self._stopped = True
            for waiting in self._waiting.values():
                for _, _, future in waiting.items:
                    future.cancel()
            self._waiting.clear()
            self._background.clear()
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            batch()
            del batch  # what was in it may be large

    def _next(self) -> Callable[[], None] | None:
        """Waits for work; None once the queue is stopped."""
        with self._changed:
            while not self._stopped:
                if not self._waiting and self._background:
                    return self._background.popleft()
                if not self._waiting:
                    self._changed.wait()
                    continue
                key, waiting = min(self._waiting.items(), key=lambda one: one[1].items[0][0])
                left = waiting.items[0][0] + self._config.batch_wait_ms / 1e3 - time.monotonic()
                if len(waiting.items) < self._config.max_batch and left > 0:
                    self._changed.wait(left)
                    continue
                count = min(len(waiting.items), self._config.max_batch)
                taken = [waiting.items.popleft() for _ in range(count)]
                if not waiting.items:
                    del self._waiting[key]
                return lambda: self._run(key, waiting.run, taken)
        return None

    def _run(self, key: Hashable, run: Run, taken: Sequence[tuple[float, Any, Future]]) -> None:
        wanted = [(item, future) for _, item, future in taken if future.set_running_or_notify_cancel()]
        if not wanted:
            return
        self._observe(key, len(wanted))
        try:
            results = run([item for item, _ in wanted])
        except Exception as error:  # the thread goes on, and a bad item costs itself alone
            if len(wanted) == 1:
                wanted[0][1].set_exception(error)
            else:
                for one in wanted:
                    self._run_alone(run, *one)
            return
        for (_, future), result in zip(wanted, results, strict=True):
            future.set_result(result)

    def _run_alone(self, run: Run, item: Any, future: Future) -> None:
        try:
            future.set_result(run([item])[0])
        except Exception as error:
            future.set_exception(error)
