"""How a run is built again, and what may continue it."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel import registry
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import HParamsError, VocabularyError
from t2t_multimodel.runs.manifest import new_manifest


@pytest.fixture(scope="module")
def vocabulary(mini_data):
    return Vocabulary.load(mini_data)


@pytest.fixture
def manifest(tiny_hparams, vocabulary):
    def make(*problems, seed=3, override="", vocabulary=vocabulary):
        return new_manifest(tiny_hparams.override(override), [registry.problem(p) for p in problems], vocabulary, seed)

    return make


def draws():
    """The next numbers of all global generators."""
    return [random.random(), np.random.random(), float(keras.random.uniform([])), float(tf.random.uniform([]))]


def test_making_a_model_leaves_global_random_states_alone(manifest):
    keras.utils.set_random_seed(11)
    expected = draws() + draws()
    keras.utils.set_random_seed(11)
    first = draws()
    manifest("mini_parsing").make_model()
    assert first + draws() == expected


def test_initial_weights_are_a_function_of_the_seed(manifest):
    def weights(seed):
        return {
            path: v.numpy() for path, v in manifest("mini_parsing", seed=seed).make_model().named_variables().items()
        }

    random.seed(1)
    first = weights(3)
    random.seed(2)
    again, other = weights(3), weights(4)
    for path, value in first.items():
        np.testing.assert_array_equal(again[path], value, err_msg=path)
    assert any(not np.array_equal(other[path], value) for path, value in first.items())


@pytest.mark.parametrize(("before", "after"), [("adam", "muon"), ("muon", "adam")])
def test_a_run_is_not_continued_with_another_optimizer(manifest, before, after):
    run = manifest("mini_parsing", override=f"optimizer.name={before}")
    with pytest.raises(HParamsError, match=f"optimizer.name={before}, whose state {after} .*--warm_start_from"):
        run.merged(manifest("mini_parsing", override=f"optimizer.name={after}"))


def test_commands_of_two_sessions_fit_the_table_together(manifest):
    two = "body.max_commands=2"
    run = manifest("mini_translate_ende", "mini_translate_enfr", override=two)
    assert len(run.merged(manifest("mini_translate_ende", override=two)).commands) == 2
    with pytest.raises(HParamsError, match=r"3 command tokens, body\.max_commands=2"):
        run.merged(manifest("mini_translate_deen", override=two))
    with pytest.raises(HParamsError, match=r"body\.max_commands=1"):
        manifest("mini_translate_ende", "mini_translate_enfr", override="body.max_commands=1")


def test_a_session_without_text_keeps_the_vocabulary(manifest, vocabulary):
    run = manifest("mini_parsing", "mini_image_class")
    merged = run.merged(manifest("mini_image_class", vocabulary=None))
    assert (merged.vocab_size, merged.vocab_fingerprint) == (vocabulary.size, vocabulary.fingerprint)
    assert merged.problems == ["mini_parsing", "mini_image_class"]
    with pytest.raises(VocabularyError, match="another vocabulary"):
        run.merged(manifest("mini_parsing", vocabulary=vocabulary.extend(["octagon"])))
