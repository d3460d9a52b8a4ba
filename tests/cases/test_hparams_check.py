"""Row body.depth=33, body.depth=-4, k above num_experts: one line before anything is built."""

import subprocess
import sys

import pytest

from t2t_multimodel import registry
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.base import HParams

WRONG = [
    ("body.depth=33", ("body.depth=33", "body.num_heads=8", "32 or 40")),
    ("body.depth=-4", ("body.depth=-4", "1 or more")),
    ("body.num_heads=0", ("body.num_heads=0", "1 or more")),
    ("body.depth=4", ("body.depth=4", "body.num_heads=8", "give body.depth=8")),
    ("mixture.num_experts=2,mixture.k=3", ("mixture.k=3", "mixture.num_experts=2", "from 1 to 2")),
    ("mixture.k=0", ("mixture.k=0", "from 1 to")),
    ("mixture.num_experts=-1", ("mixture.num_experts=-1", "0 or more")),
    ("body.form=papr", ("body.form=papr", "paper or plus")),
    ("body.attention=none", ("body.attention=none", "full or uniform")),
    ("body.kernel_sizes=3:3:4:3", ("body.kernel_sizes=3:3:4:3", "4 values", "odd")),
    ("body.kernel_sizes=3:3", ("body.kernel_sizes=3:3", "4 values")),
    ("body.dilations=1:1:1:0", ("body.dilations=1:1:1:0", "1 or more")),
    ("body.second_skip=none", ("body.second_skip=none", "input or hidden")),
    ("body.branch_scale=nan", ("body.branch_scale=nan", "not finite")),
    ("body.feed_forward_kernel=4", ("body.feed_forward_kernel=4", "odd")),
    ("image_entry_filters=8", ("modalities.image_entry_filters=8", "2 or more values")),
    ("class_exit_widths=0.001:1:1:1", ("modalities.class_exit_widths", "body.depth")),
    ("image_size=-1", ("modalities.image_size=-1", "0 or more")),
    ("audio_features=mel", ("modalities.audio_features=mel", "spectrogram or waveform")),
    ("audio_frequency=mean", ("modalities.audio_frequency=mean", "flatten or merge")),
    ("audio_hop_ms=0", ("modalities.audio_hop_ms=0.0", "1 or more")),
    ("audio_blocks=2,audio_strided_blocks=3", ("audio_strided_blocks=3", "audio_blocks=2", "2 or less")),
    ("audio_max_seconds=0", ("modalities.audio_max_seconds=0.0",)),
    ("optimizer.name=adagrad", ("optimizer.name=adagrad", "adam or muon or sgd")),
    ("accumulate_steps=0", ("optimizer.accumulate_steps=0", "1 or more")),
    ("optimizer.schedule=linear", ("optimizer.schedule=linear", "noam or rsqrt or cosine or constant")),
    ("optimizer.learning_rate=inf", ("optimizer.learning_rate=inf", "not finite")),
    ("optimizer.learning_rate=-1", ("optimizer.learning_rate=-1.0", "0 or more")),
    ("optimizer.beta2=1", ("optimizer.beta2=1.0", "less than 1")),
    ("optimizer.epsilon=0", ("optimizer.epsilon=0.0", "more than 0")),
    ("batching.batch_tokens=-1", ("batching.batch_tokens=-1", "0 or more")),
    ("batching.bucket_growth=0.5", ("batching.bucket_growth=0.5", "1 or more")),
    ("batching.examples=a", ("batching.examples", "'a'", "problem:count")),
    ("batching.examples=a:5|b:0", ("batching.examples", "'b:0'", "1 or more")),
    ("batching.examples=a:-3", ("batching.examples", "'a:-3'", "1 or more")),
    ("batching.examples=a:2.5", ("batching.examples", "'a:2.5'", "problem:count")),
    ("batching.examples=:7", ("batching.examples", "':7'", "problem:count")),
    ("mixing.scheme=random", ("mixing.scheme=random", "uniform")),
    ("mixing.scheme=distributed,compute.compile=xla", ("mixing.scheme=distributed", "compute.compile=none")),
    ("mixing.temperature=0", ("mixing.temperature=0.0", "more than 0")),
    ("mixing.cap=100", ("mixing.cap=100", "mixing.scheme=proportional")),
    ("mixing.temperature=2", ("mixing.temperature=2.0", "mixing.scheme=proportional")),
    ("mixing.weights=a:2", ("mixing.weights=a:2", "mixing.scheme=weighted or distributed")),
    ("mixing.scheme=weighted,mixing.weights=a:1>2", ("mixing.weights", "a:1>2", "no rising steps")),
    ("mixing.scheme=weighted,mixing.weights=a:1>-2@5", ("mixing.weights", "below 0")),
    ("optimizer.combine=mean", ("optimizer.combine=mean", "sum or pcgrad")),
    ("combine=pcgrad,accumulate_steps=2", ("optimizer.combine=pcgrad", "mixing.scheme=distributed")),
    ("combine=pcgrad,mixing.scheme=distributed", ("optimizer.combine=pcgrad", "optimizer.accumulate_steps=2")),
    ("mixing.loss_weights=a", ("mixing.loss_weights", "problem:weight")),
    ("dropout=1.0", ("regularization.dropout=1.0", "less than 1")),
    ("label_smoothing=-0.1", ("regularization.label_smoothing=-0.1", "0 or more")),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_set_is_named_with_value_and_what_is_allowed(text, words):
    with pytest.raises(HParamsError) as caught:
        HParams().override(text).check()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_values_of_the_wrong_type_are_named():
    for name, value in (
        ("body__depth", 64.5),
        ("body__recompute", 1),
        ("body__form", 3),
        ("body__dilations", (1.5,) * 4),
    ):
        with pytest.raises(HParamsError, match=name.replace("__", ".")):
            HParams().override(**{name: value}).check()


def test_registered_sets_and_what_works_are_accepted(tiny_hparams):
    for name in registry.hparams_names():
        hparams = registry.hparams(name)
        assert hparams.check() is hparams
    tiny_hparams.check()
    for text in ("mixture.num_experts=0,mixture.k=9", "body.num_heads=1,body.depth=33", "image_size=0", "clip_norm=0"):
        HParams().override(text).check()


@pytest.mark.parametrize(
    ("module", "flags"),
    [
        ("t2t_trainer", ["--problem=mini_parsing", "--output_dir={0}/run", "--data_dir={0}", "--generate_data"]),
        ("t2t_trainer", ["--describe"]),
        ("t2t_inspect", ["--problem=mini_parsing", "--data_dir={0}"]),
    ],
)
def test_commands_print_one_line_and_make_nothing(tmp_path, module, flags):
    command = [sys.executable, "-m", f"t2t_multimodel.bin.{module}", *(flag.format(tmp_path) for flag in flags)]
    done = subprocess.run([*command, "--hparams=body.depth=33"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: hparam body.depth=33") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_python_raises_before_anything_is_read(tmp_path):
    import t2t_multimodel as t2t

    with pytest.raises(HParamsError, match=r"mixture.k=9 does not work with mixture.num_experts=4"):
        t2t.train(
            "mini_parsing", hparams_set="multimodel_mini", hparams="mixture.k=9", data_dir=tmp_path / "none",
            output_dir=tmp_path / "run", train_steps=1,
        )  # fmt: skip
