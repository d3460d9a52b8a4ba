import json
import pickle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.vocabulary.vocabulary import END_ID, JSON_FILE, MODEL_FILE, Label, Vocabulary
from t2t_multimodel.errors import VocabularyError

_LABELS = ("(S", ")S", "NP", "the")
_TEXTS = [
    "the cat sat on the mat, and the dog ran.",
    "die Katze saß auf der Matte, und der Hund lief.",
    "le chat était assis sur le tapis, et le chien courait.",
] * 20


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.build(_TEXTS, _LABELS, size=600)


# Every kind of character: surrogates are left out by text() unless asked for.
_ANY_TEXT = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cs", "Cc", "Zs"]), st.sampled_from("\u2581 \n\0<a"))
)


@settings(max_examples=500, deadline=None)
@given(_ANY_TEXT)
@example("")
@example(" ")
@example("\u2581")
@example(" \u2581 \u2581x")
@example("\0\n\t\r\u2028")
@example("  the  cat ")
@example("</s><pad><unk><0x41>")
@example("\ud83d\ude00")
@example("\U0010ffff")
def test_every_text_survives(vocabulary, text):
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode([*ids, END_ID, 5]) == text
    assert not set(ids) & {0, 1, 2, *vocabulary.labels.values()}


@settings(max_examples=100, deadline=None)
@given(st.lists(_ANY_TEXT, max_size=5))
def test_batch_equals_single(vocabulary, texts):
    assert vocabulary.encode_batch(texts) == [vocabulary.encode(text) for text in texts]


_WORD = st.text(st.characters(exclude_characters=" "), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(_WORD, st.sampled_from(_LABELS).map(Label)), max_size=12))
def test_mixed_tokens_survive_with_their_types(vocabulary, tokens):
    decoded = vocabulary.decode_tokens(vocabulary.encode_mixed(tokens))
    assert decoded == tokens
    assert [type(token) for token in decoded] == [type(token) for token in tokens]


def test_label_is_one_symbol_and_text_of_the_same_spelling_is_not(vocabulary):
    assert vocabulary.encode_mixed([Label("the")]) == [vocabulary.label_id("the")]
    assert vocabulary.label_id("the") not in vocabulary.encode("the the (S label the")
    assert vocabulary.decode(vocabulary.encode_mixed([Label("(S"), "the", "cat", Label(")S")])) == "(S the cat )S"


def test_special_ids_and_frequent_words(vocabulary):
    assert [vocabulary.piece(index) for index in range(3)] == ["<pad>", "</s>", "<unk>"]
    assert len(vocabulary.encode("cat")) == len(vocabulary.encode("Katze")) == 1
    assert vocabulary.encode("cat") == vocabulary.encode("the cat")[1:], "a word has the same ids wherever it stands"


def test_save_and_load(vocabulary, tmp_path):
    vocabulary.save(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    assert loaded.fingerprint == vocabulary.fingerprint and loaded.size == vocabulary.size
    assert loaded.labels == vocabulary.labels and loaded.encode(_TEXTS[1]) == vocabulary.encode(_TEXTS[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == [JSON_FILE, MODEL_FILE]
    copied = pickle.loads(pickle.dumps(loaded))
    assert copied.fingerprint == loaded.fingerprint


def test_build_is_deterministic_and_depends_on_labels():
    first, second = (Vocabulary.build(_TEXTS, _LABELS, size=500) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert Vocabulary.build(_TEXTS, ["other"], size=500).fingerprint != first.fingerprint


def test_untrainable_characters_do_not_harm():
    vocabulary = Vocabulary.build([*_TEXTS, "", "\0\n\t", "a\u2581b\ud800", "x" * 50_000, "\u2585"], size=600)
    assert vocabulary.decode(vocabulary.encode("\u2585x\tx")) == "\u2585x\tx"


def test_many_characters_leave_room_for_subwords():
    chinese = [chr(0x4E00 + index) * (1 + index % 7) for index in range(3000)]
    vocabulary = Vocabulary.build([*_TEXTS, *chinese], size=500)
    assert vocabulary.size <= 500
    assert vocabulary.decode(vocabulary.encode("".join(chinese))) == "".join(chinese)


@pytest.mark.parametrize("damage", ["cut model", "other model", "no json", "cut json", "wrong version", "labels out"])
def test_damaged_files_are_named(vocabulary, tmp_path, damage):
    vocabulary.save(tmp_path)
    model, listed = tmp_path / MODEL_FILE, tmp_path / JSON_FILE
    stored = json.loads(listed.read_text())
    if damage == "cut model":
        model.write_bytes(model.read_bytes()[:1000])
    elif damage == "other model":
        model.write_bytes(vocabulary.extend(["zebra"]).model)
    elif damage == "no json":
        listed.unlink()
    elif damage == "cut json":
        listed.write_text(listed.read_text()[:50])
    elif damage == "wrong version":
        listed.write_text(json.dumps({**stored, "version": 99}))
    else:
        listed.write_text(json.dumps({**stored, "labels": {"S": "x"}}))
    with pytest.raises(VocabularyError):
        Vocabulary.load(tmp_path)


def test_a_model_that_is_none_is_an_error():
    with pytest.raises(VocabularyError):
        Vocabulary(b"not a model", {})


def test_errors_name_cause_and_nearest(vocabulary):
    with pytest.raises(VocabularyError, match=r"'\(SS'.*\(S"):
        vocabulary.label_id("(SS")
    with pytest.raises(VocabularyError, match="outside the vocabulary"):
        vocabulary.decode([vocabulary.size])
    with pytest.raises(VocabularyError, match="no text"):
        Vocabulary.build([" ", "\n"])
    with pytest.raises(VocabularyError, match="vocab_size"):
        Vocabulary.build(_TEXTS, _LABELS, size=260)


def test_ids_that_are_no_utf8_decode_to_replacement_characters(vocabulary):
    byte = vocabulary.encode("\u2581")[1]  # the first of three bytes, alone
    assert vocabulary.decode([byte]) == "\ufffd"


@settings(max_examples=100, deadline=None)
@given(_ANY_TEXT)
def test_extension_keeps_old_ids_and_stays_lossless(vocabulary, text):
    extended = _extended(vocabulary)
    assert extended.decode(extended.encode(text)) == text
    assert extended.decode(vocabulary.encode(text)) == text


_cache = {}


def _extended(vocabulary: Vocabulary) -> Vocabulary:
    if "extended" not in _cache:
        _cache["extended"] = vocabulary.extend(["zebra crossing", "Ünïcode"], ["NEW", "(S"])
    return _cache["extended"]


def test_extension_appends(vocabulary):
    extended = _extended(vocabulary)
    assert extended.size == vocabulary.size + 3 and extended.fingerprint != vocabulary.fingerprint
    assert all(extended.piece(index) == vocabulary.piece(index) for index in range(vocabulary.size))
    assert extended.label_id("NEW") == vocabulary.size + 2
    assert {name: extended.labels[name] for name in vocabulary.labels} == vocabulary.labels
    assert vocabulary.size in extended.encode("a zebra crossing")
    again = extended.extend(["quux"], ["LAST"])
    assert again.label_id("NEW") == extended.label_id("NEW") and again.size == extended.size + 2
    with pytest.raises(VocabularyError):
        vocabulary.extend([""])
