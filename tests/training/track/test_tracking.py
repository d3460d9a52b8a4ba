"""Trackers, and what a training tells them."""

import json
import subprocess
import sys
import types

import pytest

from t2t_multimodel import registry
from t2t_multimodel.errors import TrainingError
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.hooks import standard_hooks
from t2t_multimodel.training.track.facts import git_state, run_facts
from t2t_multimodel.training.track.hook import Tracking
from t2t_multimodel.training.track.make import make_tracker, parse_tracking
from t2t_multimodel.training.track.tracker import Tracker
from t2t_multimodel.training.trainer import train


def config(output_dir, data_dir="data", **changes):
    hparams = changes.pop("hparams", None) or registry.hparams("multimodel_mini")
    options = {"train_steps": 2, "eval_steps": 1, "save_steps": 1, **changes}
    return TrainConfig(
        problems=("mini_parsing",), hparams=hparams, data_dir=str(data_dir), output_dir=str(output_dir), **options
    )


def fake_trainer(folder, step=0, **options):
    workers = types.SimpleNamespace(chief=True)
    return types.SimpleNamespace(workers=workers, config=config(folder, **options), step=step)


def output(step, loss):
    values = {
        "loss": loss, "targets": 4.0, "token_accuracy": 0.5, "learning_rate": 0.1, "gradient_norm": 2.0,
        "skipped": 0.0, "mixture_loss": 0.0,
    }  # fmt: skip
    return types.SimpleNamespace(step=step, parts=[("mini_parsing", values)])


RECORD = {"step": 2, "split": "dev", "problem": "mini_parsing", "loss": 1.5, "examples": 3, "bleu": float("nan")}


def session(hook, folder, *, complete, step=0):
    """What a trainer tells a hook in a session of two steps."""
    (folder / "model.json").write_text("{}")
    hook.begin(fake_trainer(folder, step=step))
    for number, loss in ((step + 1, 3.0), (step + 2, 1.0)):
        hook.stepped(output(number, loss))
    state = hook.state()
    hook.evaluated([{**RECORD, "step": step + 2}])
    if complete:
        hook.end([RECORD])
    hook.leave()
    return state


@pytest.mark.slow
def test_a_training_and_its_continuation_are_one_tracked_run(mini_data, small_hparams, tmp_path):
    path = tmp_path / "tracked.jsonl"
    asked = {"hparams": small_hparams, "tracking": f"file:{path}"}
    train(config(tmp_path / "run", mini_data, **asked))
    train(config(tmp_path / "run", mini_data, train_steps=3, **asked))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({line["run"] for line in lines}) == 1
    events = [line["event"] for line in lines]
    rest = ["metrics", "metrics", "file", "file", "end"]
    assert events == ["start", *rest, "resume", *rest]
    start, training, evaluation, manifest = lines[:4]
    assert start["name"] == "run" and start["hparams"]["body.depth"] == 8
    assert start["tags"]["option.train_steps"] == "2" and "version.tensorflow" in start["tags"]
    assert training["step"] == 2 and training["values"]["loss/mini_parsing"] > 0
    assert evaluation["values"]["dev_loss/mini_parsing"] > 0
    assert manifest["path"].endswith("model.json") and lines[5]["complete"]


def test_a_training_that_asks_for_it_is_tracked(tmp_path):
    (hook,) = [
        one for one in standard_hooks(config(tmp_path, tracking=f"file:{tmp_path / 't'}")) if one.name == "tracking"
    ]
    session(hook, tmp_path, complete=True)
    lines = [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "metrics", "metrics", "file", "end"]
    assert lines[1]["values"]["loss/mini_parsing"] == 2.0 and lines[2]["values"] == {"dev_loss/mini_parsing": 1.5}


def test_mlflow_keeps_a_run_in_a_folder_and_continues_it(tmp_path):
    pytest.importorskip("mlflow", reason="MLflow is missing; install the extra mlflow")
    from mlflow.tracking import MlflowClient

    target, run = f"mlflow:{tmp_path / 'kept'}", tmp_path / "run"
    run.mkdir()
    hook = Tracking(make_tracker(target, str(run)), target)
    state = session(hook, run, complete=False)
    client = MlflowClient(tracking_uri=(tmp_path / "kept").as_uri())
    assert client.get_run(state["run"]).info.status == "KILLED"
    again = Tracking(make_tracker(target, str(run)), target)
    again.restore(state)
    assert session(again, run, complete=True, step=2) == state
    (kept,) = client.search_runs([client.get_experiment_by_name("t2t-multimodel").experiment_id])
    assert kept.info.status == "FINISHED" and kept.info.run_name == "run"
    assert kept.data.params["body.depth"] == "96" and kept.data.tags["option.problems"] == "mini_parsing"
    losses = client.get_metric_history(state["run"], "loss/mini_parsing")
    assert [(one.step, one.value) for one in losses] == [(2, 2.0), (4, 2.0)]
    assert [one.step for one in client.get_metric_history(state["run"], "dev_loss/mini_parsing")] == [2, 4]
    assert "dev_bleu/mini_parsing" not in kept.data.metrics
    assert [one.path for one in client.list_artifacts(state["run"])] == ["model.json"]


def test_a_tracked_run_that_was_removed_begins_anew(tmp_path):
    pytest.importorskip("mlflow", reason="MLflow is missing; install the extra mlflow")
    target = f"mlflow:{tmp_path / 'kept'}"
    hook = Tracking(make_tracker(target, str(tmp_path)), target)
    hook.restore({"target": target, "run": "0" * 32})
    assert session(hook, tmp_path, complete=True)["run"] not in ("", "0" * 32)


def test_wandb_is_asked_for_the_same_run(tmp_path, monkeypatch):
    """By a stand-in for the package, which needs a service."""
    calls = []

    class Run:
        id = "abc"
        log = staticmethod(lambda values, step: calls.append(("log", step, values)))
        log_artifact = staticmethod(lambda artifact: calls.append(("artifact", artifact.files)))
        finish = staticmethod(lambda exit_code: calls.append(("finish", exit_code)))

    class Artifact:
        def __init__(self, name, type):
            self.files = []

        def add_file(self, path, name):
            self.files.append(name)

    def init(**options):
        calls.append(("init", options))
        return Run

    module = types.ModuleType("wandb")
    module.init, module.Artifact, module.__spec__ = init, Artifact, types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "wandb", module)
    one, other = (Tracking(make_tracker("wandb:paper", str(tmp_path)), "wandb:paper") for _ in range(2))
    other.restore(session(one, tmp_path, complete=False))
    session(other, tmp_path, complete=True, step=2)
    first, second = [options for kind, options in (call for call in calls if call[0] == "init")]
    assert first["project"] == second["project"] == "paper" and (first["id"], second["id"]) == (None, "abc")
    assert first["resume"] == "allow" and first["dir"] == str(tmp_path) and first["config"]["body.depth"] == 96
    assert [call[1] for call in calls if call[0] == "log"] == [2, 2, 4, 4]
    assert [call for call in calls if call[0] in ("artifact", "finish")] == [
        ("finish", 1), ("artifact", ["model.json"]), ("finish", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("fails_in", ["start", "log", "add_file", "finish"])
def test_a_tracker_that_fails_is_told_once_and_training_goes_on(tmp_path, capsys, fails_in):
    calls = []

    class Failing(Tracker):
        def start(self, facts, run):
            return self._do("start") or "id"

        def log(self, values, step):
            self._do("log")

        def add_file(self, path):
            self._do("add_file")

        def finish(self, complete):
            self._do("finish")

        def _do(self, name):
            calls.append(name)
            if name == fails_in:
                raise ConnectionError("no such\nhost")

    session(Tracking(Failing(), "mlflow:http://nowhere"), tmp_path, complete=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: tracking by mlflow:http://nowhere ends here (ConnectionError: no such host); training goes on"
    )
    assert calls.count(fails_in) == 1 and calls[-1] == fails_in


def test_a_run_that_continues_elsewhere_begins_a_new_tracked_run(tmp_path):
    hook = Tracking(make_tracker(f"file:{tmp_path / 'b'}", "run"), "file:b")
    hook.restore({"target": "file:a", "run": "old"})
    assert session(hook, tmp_path, complete=True)["run"] != "old"


@pytest.mark.parametrize("text", ["mlflow", "mlflow:", "tensorboard:x", ":x", "file"])
def test_what_names_no_tracker_is_refused(text):
    with pytest.raises(TrainingError, match="names no tracker; give mlflow:URI_OR_FOLDER, wandb:PROJECT or file:PATH"):
        config("run", tracking=text)


def test_a_file_in_an_object_store_is_refused():
    with pytest.raises(TrainingError, match="grows line by line"):
        parse_tracking("file:s3://bucket/x")
    assert parse_tracking("mlflow:http://host:5000") == ("mlflow", "http://host:5000")
    assert parse_tracking("") == ("", "")


@pytest.mark.parametrize("kind", ["mlflow", "wandb"])
def test_a_missing_package_is_told_before_the_training(kind, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=rf"pip install 't2t-multimodel\[{kind}\]', or give tracking=file:PATH"):
        make_tracker(f"{kind}:x", "run")


def test_the_state_of_git(tmp_path):
    assert git_state(tmp_path) == {}
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *names, *words], cwd=tmp_path, check=True)
    found = git_state(tmp_path)
    assert len(found["git.commit"]) == 40 and found["git.branch"] and found["git.changed"] == "false"
    (tmp_path / "new").touch()
    assert git_state(tmp_path)["git.changed"] == "true"


def test_facts_are_plain_values():
    facts = run_facts(config("runs/one"))
    assert facts.name == "one" and facts.tags["option.problems"] == "mini_parsing"
    assert all(isinstance(value, bool | int | float | str) for value in facts.hparams.values())
    assert all(isinstance(value, str) for value in facts.tags.values())
