"""Outputs held to well-formed trees: any choice among the allowed ids gives a tree that needs no repair."""

import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_split
from t2t_multimodel.problems.tree_constraint import TreeConstraint
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.text.bracket_files import parse_tree
from t2t_multimodel.text.linearization import delinearize, linearize

NAMES = ["<pad>", "<end>", "<unk>", "a", "b", "NP", "/NP", "DT", "VP", "/VP", "NN", "S", "/S"]
TEXT_IDS, BEGINS = range(2, 5), (5, 8, 11)


class Toy:
    """A vocabulary of a few labels."""

    size = len(NAMES)
    labels = {name: index for index, name in enumerate(NAMES) if index > 4}


def allowed_ids(constraint, state):
    penalties = constraint.penalties(state).numpy()
    assert set(np.unique(penalties)) <= {0.0, np.float32(-1e9)}
    return [np.flatnonzero(row == 0) for row in penalties]


def walk(words, lengths, choose):
    """Ids of each row, chosen by `choose(row, allowed)` until the end."""
    constraint = TreeConstraint.of(Toy)
    features = {"words": tf.constant(words, tf.int32)}
    state = constraint.init_state(features, tf.constant(lengths, tf.int32))
    last, outputs = [0] * len(words), [[] for _ in words]
    for _ in range(max(lengths)):
        state = constraint.advance(state, tf.constant(last))
        for row, allowed in enumerate(allowed_ids(constraint, state)):
            ended = 1 in outputs[row]
            last[row] = 0 if ended else int(choose(row, allowed))
            if not ended:
                outputs[row].append(last[row])
    return outputs


def check_trees(outputs, words, lengths):
    for ids, count, length in zip(outputs, words, lengths, strict=True):
        assert ids[-1] == 1 and len(ids) <= length
        tokens = [NAMES[i] if i in TEXT_IDS else Label(NAMES[i]) for i in ids[:-1]]
        leaves = [f"w{i}" for i in range(count)]
        tree, repairs = delinearize(tokens, leaves)
        assert repairs == 0 and tree.words() == leaves


@pytest.mark.parametrize("seed", range(4))
def test_any_allowed_choice_gives_a_tree(seed):
    rng = np.random.default_rng(seed)
    words = rng.integers(1, 9, 40)
    lengths = [int(max(2, count + 3 + extra)) for count, extra in zip(words, rng.integers(0, 20, 40))]
    check_trees(walk(words, lengths, lambda row, allowed: rng.choice(allowed)), words, lengths)


def test_what_is_begun_can_always_be_ended():
    """Always a beginning, and always text, as long as they are allowed."""
    words, lengths = [1, 2, 5, 3], [2, 5, 8, 70]
    check_trees(walk(words, lengths, lambda row, allowed: min(allowed, key=lambda i: i not in BEGINS)), words, lengths)
    check_trees(walk(words, lengths, lambda row, allowed: min(allowed)), words, lengths)


@pytest.mark.parametrize("text", ["(S (NP (DT the) (NN cat)) (VP (NN sat)))", "(NP (NP (NN x)) (NP (NN y)))", "(NN x)"])
def test_the_linearization_of_a_tree_is_allowed(text):
    tree = parse_tree(text)
    ids = [NAMES.index(label) for label in linearize(tree)] + [1]
    given = iter(ids)

    def choose(row, allowed):
        wanted = next(given)
        assert wanted in allowed
        return wanted

    assert walk([len(tree.words())], [len(ids)], choose) == [ids]


def test_rows_without_room_and_vocabularies_without_trees_are_free():
    constraint = TreeConstraint.of(Toy)
    state = constraint.init_state({"words": tf.constant([5, 0])}, tf.constant([6, 9]))
    state = constraint.advance(state, tf.constant([0, 0]))
    assert [len(allowed) for allowed in allowed_ids(constraint, state)] == [Toy.size] * 2

    class Plain(Toy):
        labels = {}

    assert TreeConstraint.of(Plain) is None


@pytest.mark.parametrize("how", [{}, {"beam_size": 4}, {"sampling_method": "random"}], ids=["greedy", "beam", "random"])
def test_an_untrained_parser_needs_no_repairs(mini_run, mini_data, how):
    run = load_run(mini_run, problems=["mini_parsing"])
    index = RecordIndex.load_or_build(mini_data, "mini_parsing", "test")
    repairs = {}
    for constrained in (True, False):
        hparams = DecodeHParams.make(extra_length=20, constrained=constrained, **how)
        search = ProblemSearch(run.model, run.tasks[0], hparams, run.vocabulary)
        repairs[constrained] = sum(one.repairs for one in decode_split(search, run.vocabulary, index))
    assert repairs[True] == 0 < repairs[False]


def test_words_are_counted_in_the_graph_as_in_python():
    constraint = TreeConstraint.of(Toy)
    texts = ["", "a", " a  b\tc\n", "x\u00a0y z", "\u3000", "xx x", "\u2581 \U0001f600", "\x00 \x1c"]
    found = constraint.features_in_graph({"text": tf.constant([text.encode() for text in texts])})
    np.testing.assert_array_equal(found["words"], constraint.features(texts)["words"])
