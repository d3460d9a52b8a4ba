import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import VocabularyError

_SUBWORDS = ["<pad>", "<EOS>", "the_", "cat_", "ca", "t_", ", ", "_", "'", '"', "é", *"abcdefghijklmnopqrstuvwxyz"]
_SUBWORDS += [*"\\;0123456789", " ", ","]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory) -> T2TSubwordVocabulary:
    path = tmp_path_factory.mktemp("subwords") / "vocab.subwords"
    path.write_text("".join(f"'{piece}'\n" for piece in _SUBWORDS), encoding="utf-8")
    return T2TSubwordVocabulary.load(path)


def test_file_is_read_as_written(vocabulary):
    assert vocabulary.subwords == _SUBWORDS and vocabulary.size == len(_SUBWORDS)


def test_longest_match_and_implied_blanks(vocabulary):
    pieces = [vocabulary.piece(index) for index in vocabulary.encode("the cat, cats")]
    assert pieces == ["the_", "cat_", ", ", "_", "ca", "t", "s", "_"]
    assert vocabulary.decode(vocabulary.encode("the cat, cats")) == "the cat, cats"


def test_unknown_characters_are_escaped(vocabulary):
    assert [vocabulary.piece(index) for index in vocabulary.encode("ß")] == [*"\\223;", "_"]
    assert [vocabulary.piece(index) for index in vocabulary.encode("a_b")] == ["a", "_", "\\", "u", "_", "b", "_"]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_text_survives(vocabulary, text):
    assert vocabulary.decode([*vocabulary.encode(text), 1, 2]) == text


def test_labels_and_damage_are_errors(vocabulary, tmp_path):
    with pytest.raises(VocabularyError, match="no labels"):
        vocabulary.encode_mixed(["the", Label("NP")])
    with pytest.raises(VocabularyError, match="outside"):
        vocabulary.decode([len(_SUBWORDS)])
    with pytest.raises(VocabularyError, match="cannot be read"):
        T2TSubwordVocabulary.load(tmp_path / "missing")
    (tmp_path / "short").write_text("'x'\n")
    with pytest.raises(VocabularyError):
        T2TSubwordVocabulary.load(tmp_path / "short")
