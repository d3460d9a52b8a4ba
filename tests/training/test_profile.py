import pytest

from t2t_multimodel.errors import TrainingError
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.controller import StepOutput
from t2t_multimodel.training.trainer import train
from t2t_multimodel.training.watch.profile import Profile, parse_profile


def config(data_dir, output_dir, hparams, **changes):
    options = {"train_steps": 3, "eval_steps": 1, "profile": "2:3", **changes}
    return TrainConfig(
        problems=("mini_parsing",), hparams=hparams, data_dir=str(data_dir), output_dir=str(output_dir), **options
    )


def test_a_trace_of_the_steps_is_written_once(mini_data, small_hparams, tmp_path, capsys):
    train(config(mini_data, tmp_path, small_hparams))
    (trace,) = (tmp_path / "events" / "profile").rglob("*.xplane.pb")
    content = trace.read_bytes()
    assert b"train" in content and b"step_num" in content
    assert "no steps are traced" not in capsys.readouterr().err


def test_a_run_that_continues_behind_the_first_step_says_that_nothing_is_traced(tmp_path, capsys):
    hook = Profile(range(2, 4))
    hook.begin(fake_trainer(tmp_path, step=2))
    hook.stepped(StepOutput(3, "a", {"loss": 1.0}))
    hook.leave()
    assert "step 2 was trained before: no steps are traced" in capsys.readouterr().err
    assert not (tmp_path / "events").exists()


def test_a_second_profiler_is_refused_in_one_line_and_the_first_writes_what_it_has(tmp_path):
    one, other = Profile(range(1, 9)), Profile(range(1, 9))
    one.begin(fake_trainer(tmp_path, step=0))
    with pytest.raises(TrainingError, match=r"cannot be traced .*; end the other profiler, or leave profile out"):
        other.begin(fake_trainer(tmp_path, step=0))
    one.stepped(StepOutput(1, "a", {"loss": 1.0}))
    one.leave()
    assert len(list(tmp_path.rglob("*.xplane.pb"))) == 1


def fake_trainer(folder, step):
    class Fake:
        class workers:
            chief = True

        class config:
            output_dir = str(folder)

    Fake.step = step
    return Fake


@pytest.mark.parametrize("text", ["3", "0:2", "5:4", "2:11", "a:b", "1:2:3", "-1:4"])
def test_what_are_no_steps_is_refused(text, small_hparams):
    with pytest.raises(TrainingError, match=r"are no steps of 1 to 10; give FIRST:LAST, such as 1:10"):
        config("data", "run", small_hparams, train_steps=10, profile=text)


def test_an_object_store_is_refused():
    with pytest.raises(TrainingError, match="folders of this machine alone"):
        parse_profile("1:2", 10, "s3://bucket/run")
    assert list(parse_profile("", 10, "s3://bucket/run")) == []
