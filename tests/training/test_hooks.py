import json

from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.loop.hook import Hook
from t2t_multimodel.training.trainer import make_trainer, train


class Witness(Hook):
    """Notes what it is told; ends the training at the evaluation of step `last`."""

    name = "witness"

    def __init__(self, last: int = 0):
        self.seen, self.steps, self._last = [], 0, last

    def begin(self, trainer):
        self.seen.append(("begin", trainer.step))

    def stepped(self, output):
        self.steps += 1

    def evaluated(self, records):
        self.seen.append(("evaluated", records[0]["step"]))
        return records[0]["step"] == self._last

    def saved(self, path):
        self.seen.append(("saved", int(path.rpartition("-")[2])))

    def end(self, records):
        self.seen.append(("end", records[0]["step"]))

    def state(self):
        return json.loads(json.dumps({"steps": self.steps}))

    def restore(self, state):
        self.steps = state["steps"]


def config(data_dir, output_dir, hparams, **changes):
    options = {"train_steps": 4, "eval_frequency": 2, "eval_steps": 1, "save_steps": 3, **changes}
    options = {"best_metric": "none", **options}
    problems = ("mini_parsing",)
    return TrainConfig(
        problems=problems, hparams=hparams, data_dir=str(data_dir), output_dir=str(output_dir), **options
    )


def test_hooks_see_steps_evaluations_and_saves_and_keep_their_state(mini_data, small_hparams, tmp_path):
    first, second = Witness(), Witness()
    train(config(mini_data, tmp_path, small_hparams), hooks=[first])
    assert first.seen == [("begin", 0), ("evaluated", 2), ("saved", 3), ("saved", 4), ("evaluated", 4), ("end", 4)]
    trainer = make_trainer(config(mini_data, tmp_path, small_hparams, train_steps=5), hooks=[second])
    assert second.steps == first.steps == 4
    trainer.run()
    assert second.seen == [("begin", 4), ("saved", 5), ("evaluated", 5), ("end", 5)]


def test_a_hook_ends_the_training_and_the_last_evaluation_is_not_made_twice(mini_data, small_hparams, tmp_path):
    hook = Witness(last=2)
    records = train(config(mini_data, tmp_path, small_hparams), hooks=[hook])
    assert hook.seen == [("begin", 0), ("evaluated", 2), ("saved", 2), ("end", 2)]
    assert [record["step"] for record in read_records(tmp_path)] == [2] == [records[0]["step"]]
