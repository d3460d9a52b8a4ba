"""The training line, by a clock that the test sets."""

import re
import types

import pytest

from t2t_multimodel.training.loop.actions import Every, Report
from t2t_multimodel.training.loop.controller import Controller
from t2t_multimodel.training.watch import intervals
from t2t_multimodel.training.watch.events import Events
from t2t_multimodel.training.watch.summaries import Summaries
from t2t_multimodel.training.watch.training_log import TrainingLog


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

    # The module's name alone: other threads of the process need the clock itself.
    monkeypatch.setattr(intervals, "time", types.SimpleNamespace(monotonic=lambda: Clock.now))
    return Clock


def make_log(train_steps, **options):
    return TrainingLog(train_steps=train_steps, start=0, summaries=Summaries(Events(None)), **options)


def values():
    return {
        "loss": 1.0, "targets": 7.0, "token_accuracy": 0.5, "learning_rate": 0.1, "gradient_norm": 1.0, "skipped": 0.0,
        "mixture_loss": 0.0,
    }  # fmt: skip


def test_throughput_leaves_out_what_happens_beside_the_steps(clock, capsys):
    """Steps of one second; evaluations and checkpoints of 100 seconds."""
    log = make_log(30, seconds=1000)

    def train_step(step):
        clock.now += 1
        return "a", values()

    def work(step):
        clock.now += 100

    Controller(train_step).run(30, [Report(log), Every(4, work, log), Every(10, work, log)])
    lines = capsys.readouterr().err.splitlines()
    assert [int(re.match(r"step (\d+)/30", line)[1]) for line in lines] == [4, 8, 10, 12, 16, 20, 24, 28, 30]
    for line in lines:
        assert "  7 targets/s  1.00 steps/s" in line


def test_work_is_done_each_so_many_steps_but_not_after_the_last(clock):
    log = make_log(6)
    often, never = [], []
    Controller(lambda step: ("a", values())).run(6, [Every(2, often.append, log), Every(0, never.append, log)])
    assert often == [2, 4] and never == []


def test_the_share_that_experts_dropped_is_shown(clock, capsys):
    log = make_log(4, seconds=1000)
    for step, dropped in enumerate((2.0, 4.0, 0.0), start=1):
        log.add_parts(step, [("a", {**values(), "slots": 16.0, "dropped_slots": dropped})])
    log.add_parts(4, [("b", {**values(), "slots": 16.0, "dropped_slots": 0.0})])
    assert capsys.readouterr().err.strip().endswith("dropped by experts: a 12.5%")
