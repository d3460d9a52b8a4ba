"""The vocabulary inside the graph equals the one in Python."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import END_ID, PAD_ID, Label, Vocabulary
from t2t_multimodel.errors import ExportError

_TEXTS = [
    "the cat sat on the mat, and the dog ran.",
    "die Katze saß auf der Matte, und der Hund lief.",
    "le chat était assis sur le tapis, et le chien courait.",
] * 20


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    made = Vocabulary.build(_TEXTS, ("(S", ")S", "NP", "the"), size=600)
    return made.extend(pieces=["cat sat", "octagon"], labels=["VP"])


@pytest.fixture(scope="module")
def in_graph(vocabulary):
    return vocabulary.in_graph()


# Every kind of character that UTF-8 has; U+2581 is a blank to SentencePiece.
_ANY_TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.characters(categories=["Cc", "Zs"]), st.sampled_from("\u2581 \n\0<aet"))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ANY_TEXT, min_size=1, max_size=30))
@example(["", " ", "\u2581", " \u2581 \u2581x\u2581\u2581", "\ufeffa", "\0\n\t\r\u2028", "  the  cat ", "the cat sat"])
@example(["</s><pad><unk><0x41>", "(S NP", "label NP", "\U0010ffff", "octagons"])
def test_text_has_the_same_ids_and_survives(vocabulary, in_graph, texts):
    encoded = in_graph.encode(tf.constant([text.encode() for text in texts]))
    assert encoded.to_list() == vocabulary.encode_batch(texts)
    decoded = in_graph.decode(encoded.to_tensor()).numpy().tolist()
    assert decoded == [text.encode() for text in texts]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_ids_have_the_same_text(vocabulary, in_graph, data):
    """Labels anywhere, and bytes that are no UTF-8."""
    labels, some = st.sampled_from(list(vocabulary.labels.values())), st.integers(END_ID, vocabulary.size - 1)
    rows = data.draw(st.lists(st.lists(st.one_of(labels, some, st.integers(3, 258)), max_size=9), min_size=1))
    padded = np.zeros([len(rows), max(map(len, rows)) + 1], np.int32)
    for row, ids in zip(padded, rows):
        row[: len(ids)] = ids
    wanted = [vocabulary.decode(ids).encode("utf-8", "surrogatepass") for ids in rows]
    # Bytes that Python takes for a lone surrogate are no UTF-8, and three U+FFFD here.
    wanted = [text.decode("utf-8", "replace").encode() for text in wanted]
    assert in_graph.decode(tf.constant(padded)).numpy().tolist() == wanted


def test_shapes(vocabulary, in_graph):
    ids = vocabulary.encode_mixed(["cat", Label("NP"), Label("VP"), "the", "dog"])
    both = tf.constant([[ids, [END_ID] * len(ids)], [[PAD_ID] * len(ids), ids]])  # [2, 2, time]
    assert in_graph.decode(both).numpy().tolist() == [[b"cat NP VP the dog", b""], [b"", b"cat NP VP the dog"]]
    assert in_graph.encode(tf.zeros([0], tf.string)).shape[0] == 0
    assert in_graph.decode(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


@pytest.mark.parametrize("data", [b"a\xff", b"\xed\xa0\x80", b"\xc0\x80", "ä".encode("latin-1")])
def test_what_is_not_utf8_is_refused(in_graph, data):
    encode = tf.function(in_graph.encode, input_signature=[tf.TensorSpec([None], tf.string)])
    with pytest.raises(tf.errors.InvalidArgumentError):
        encode(tf.constant([b"good", data]))


def test_it_is_saved_with_a_module(vocabulary, in_graph, tmp_path):
    module = tf.Module()
    module.vocabulary = in_graph
    module.there_and_back = tf.function(
        lambda texts: in_graph.decode(in_graph.encode(texts).to_tensor()),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    again = tf.saved_model.load(str(tmp_path)).there_and_back
    texts = [text.encode() for text in ("the cat", "", "\u2581 octagon ")]
    assert again(tf.constant(texts)).numpy().tolist() == texts


def test_tensor2tensors_vocabulary_says_that_it_has_no_such_form():
    with pytest.raises(ExportError, match=r"Tensor2Tensor.*; .*t2t-decoder"):
        T2TSubwordVocabulary(["<pad>", "<EOS>", "cat_", *"acst_"]).in_graph()
