"""What table 4 of the paper takes away: each such model trains, and decodes as it should."""

import numpy as np
import pytest

from t2t_multimodel import load
from t2t_multimodel.runs.metrics_log import read_records
from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.trainer import make_trainer

SENTENCES = ["a small red circle", "the circle", "a big yellow star"]
ABLATIONS = {
    "attention": "body.attention=uniform",
    "convolution and mixture": "body.kernel_sizes=1:1:1:1,body.dilations=1:1:1:1,mixture.num_experts=0",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", ABLATIONS.values(), ids=ABLATIONS)
def test_a_model_without_a_part_trains_and_decodes(mini_data, tiny_hparams, tmp_path, text):
    hparams = tiny_hparams.override("body.encoder_blocks=1,body.decoder_blocks=1").override(text)
    folder = tmp_path / "run"
    make_trainer(
        TrainConfig(
            problems=("mini_parsing",), hparams=hparams, data_dir=str(mini_data), output_dir=str(folder),
            train_steps=3, eval_steps=1, seed=1,
        )
    ).run()  # fmt: skip
    (record,) = read_records(folder)
    assert np.isfinite(record["loss"])
    model = load(folder)

    def outputs(**how):
        return model.generate("mini_parsing", SENTENCES, extra_length=4, constrained=False, **how)

    greedy = outputs()
    for one, other in zip(outputs(compile="xla"), greedy, strict=True):
        assert one.text == other.text and one.score == pytest.approx(other.score, abs=1e-4)
    for one in outputs(beam_size=4, return_beams=True):
        ranks = [beam.penalized for beam in one.beams]
        assert len(ranks) == 4 and ranks == sorted(ranks, reverse=True) and np.isfinite(ranks).all()
