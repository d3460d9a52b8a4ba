"""Fixtures shared by the whole suite."""

import os
import pathlib
import time

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_STARTED = time.monotonic()


def _folder(variable: str, default: str) -> pathlib.Path:
    folder = pathlib.Path(os.environ.get(variable, _ROOT.parent / "shared" / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing; set {variable} to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def corpora_dir() -> pathlib.Path:
    """The small real corpora in the official layouts (CORPORA_DIR)."""
    return _folder("CORPORA_DIR", "corpora")


@pytest.fixture(scope="session")
def golden_dir() -> pathlib.Path:
    """Golden vectors of Tensor2Tensor's functions (GOLDEN_DIR)."""
    return _folder("GOLDEN_DIR", "golden")


def pytest_addoption(parser):
    """What the slow tests do beside testing, and how often."""
    parser.addoption("--kills", type=int, default=20, help="SIGKILLs at random moments of one training")
    parser.addoption("--terms", type=int, default=10, help="SIGTERMs at random moments of one training")
    parser.addoption("--minutes", type=float, help="tests that would begin later than this are skipped, and said so")
    parser.addoption(
        "--screenshots", default=None, help="folder of pictures of the page, docs for those that stand there"
    )


def pytest_runtest_setup(item):
    """Keeps to `--minutes`."""
    minutes = item.config.getoption("--minutes")
    if minutes is not None and time.monotonic() - _STARTED >= 60 * minutes:
        pytest.skip(f"the {minutes:g} minutes of --minutes are over")


def pytest_configure(config):
    """The suite runs as the commands do: TensorFlow quiet, freed memory kept."""
    del config
    from t2t_multimodel import process

    process.prepare()


MINI_PROBLEMS = ("mini_image_class", "mini_parsing", "mini_speech")
TINY_HPARAMS = (
    "body.depth=16,body.num_heads=2,body.encoder_blocks=1,body.mixer_blocks=1,body.decoder_blocks=1,"
    "body.attention_conv_blocks=1,mixture.num_experts=3,mixture.hidden=16,mixture.k=2,modalities.image_size=32,"
    "modalities.image_entry_filters=4:8:8:12,modalities.audio_bands=8,modalities.audio_blocks=2,"
    "modalities.audio_strided_blocks=2,modalities.audio_filters=2,modalities.class_exit_widths=1:1:1:1,"
    "batching.batch_tokens=256,batching.image_batch=8,batching.audio_batch_seconds=12,optimizer.warmup_steps=20"
)

SMALL = (
    "body.depth=8,body.num_heads=1,body.encoder_blocks=1,body.decoder_blocks=1,body.kernel_sizes=3:3:3:3,"
    "body.attention_conv_blocks=0,mixture.num_experts=0"
)
SMALL_WITH_EXPERTS = f"{TINY_HPARAMS},{SMALL},mixture.num_experts=3"


@pytest.fixture(scope="session")
def tiny_hparams():
    """The whole model at a size that traces and trains in seconds."""
    from t2t_multimodel import registry

    return registry.hparams("multimodel_mini").override(TINY_HPARAMS)


@pytest.fixture(scope="session")
def small_hparams(tiny_hparams):
    """A model that is built and traced faster still, for tests of what happens around it."""
    return tiny_hparams.override(SMALL)


@pytest.fixture(scope="session")
def mini_data(tmp_path_factory) -> pathlib.Path:
    """The mini suite, generated small."""
    from t2t_multimodel import registry
    from t2t_multimodel.data.generation import engine

    folder = tmp_path_factory.mktemp("mini_data")
    options = "train_examples=120,dev_examples=24,test_examples=8"
    engine.generate(registry.expand_problems("mini"), folder, seed=1, num_shards=2, num_workers=1, options=options)
    return folder


@pytest.fixture
def parsing_config(mini_data, small_hparams, tmp_path):
    """The training of a small model on one mini problem, in a folder of the test's own."""
    from t2t_multimodel.training.config import TrainConfig

    return TrainConfig(
        problems=("mini_parsing",),
        hparams=small_hparams,
        data_dir=str(mini_data),
        output_dir=str(tmp_path / "run"),
        train_steps=2,
    )


@pytest.fixture(scope="session")
def mini_run(mini_data, tiny_hparams, tmp_path_factory) -> pathlib.Path:
    """A model trained for a few steps on three mini problems of three input modalities."""
    from t2t_multimodel.training.trainer import TrainConfig, train

    folder = tmp_path_factory.mktemp("mini_run")
    train(
        TrainConfig(
            problems=MINI_PROBLEMS,
            hparams=tiny_hparams,
            data_dir=str(mini_data),
            output_dir=str(folder),
            train_steps=12,
            eval_steps=1,
            seed=1,
        )
    )
    return folder


@pytest.fixture(scope="session", autouse=True)
def _graphs_without_optimizer():
    """Graphs of this process run as they were traced: optimizing one takes longer than most tests run it.

    Commands that tests start optimize theirs, as users' do.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
