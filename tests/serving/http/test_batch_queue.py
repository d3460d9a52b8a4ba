"""The queue: what is run together, in which order, and what happens to what fails."""

import threading
import time

import pytest

from t2t_multimodel.errors import RequestError
from t2t_multimodel.serving.http.batch_queue import BatchQueue
from t2t_multimodel.serving.http.config import QueueConfig


@pytest.fixture
def batches():
    return []


@pytest.fixture
def queue(batches):
    made = BatchQueue(
        QueueConfig(batch_wait_ms=30, max_batch=4, max_queue=5), lambda key, size: batches.append((key, size))
    )
    yield made
    made.stop()


def double(items):
    return [2 * item for item in items]


def hold(queue):
    """Keeps the thread busy until the event is set."""
    go, begun = threading.Event(), threading.Event()

    def wait(items):
        begun.set()
        go.wait(30)
        return items

    queue.put("hold", 0, wait)
    begun.wait(30)
    return go


def test_items_of_a_key_are_run_together_up_to_the_limit(queue, batches):
    futures = [queue.put("a", number, double) for number in range(6)]
    assert [future.result(30) for future in futures] == [0, 2, 4, 6, 8, 10]
    assert [size for _, size in batches] == [4, 2]


def test_the_key_that_waited_longest_comes_first(queue, batches):
    go = hold(queue)
    futures = [queue.put(key, 1, double) for key in ("a", "b", "a", "c")]
    go.set()
    assert [future.result(30) for future in futures] == [2] * 4
    assert batches[1:] == [("a", 2), ("b", 1), ("c", 1)]


def test_a_bad_item_costs_itself_alone(queue):
    def invert(items):
        return [1 / item for item in items]

    futures = [queue.put("a", item, invert) for item in (1, 0, 4)]
    assert futures[0].result(30) == 1 and futures[2].result(30) == 0.25
    with pytest.raises(ZeroDivisionError):
        futures[1].result(30)


def test_what_was_cancelled_is_not_run(queue, batches):
    go = hold(queue)
    futures = [queue.put("a", number, double) for number in range(3)]
    assert futures[1].cancel()
    go.set()
    assert futures[0].result(30) == 0 and futures[2].result(30) == 4
    assert batches[-1] == ("a", 2)


def test_the_bound_counts_what_is_held(queue):
    with queue.held(3):
        with pytest.raises(RequestError, match="as much to do") as refused, queue.held(3):
            pass
        assert refused.value.status == 503
        with queue.held(2):
            assert queue.held_inputs == 5
    assert queue.held_inputs == 0


def test_background_calls_wait_for_nothing_to_do(queue):
    order = []
    go = hold(queue)
    queue.put_background(lambda: order.append("background"))
    future = queue.put("a", 1, lambda items: [order.append("item")])
    go.set()
    future.result(30)
    deadline = time.monotonic() + 30
    while len(order) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert order == ["item", "background"]


def test_a_stopped_queue_cancels_what_waits():
    queue = BatchQueue(QueueConfig(batch_wait_ms=0))
    go = hold(queue)
    waiting = queue.put("a", 1, double)
    threading.Timer(0.2, go.set).start()
    queue.stop()
    assert waiting.cancelled()
    with pytest.raises(RequestError, match="stopping"):
        queue.put("a", 1, double)
