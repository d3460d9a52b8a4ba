"""Flat files of trees: one tree a line, or trees over several lines."""

import gzip

import pytest

from t2t_multimodel.text.bracket_files import parse_tree, trees_of_lines

CAT = "(S (NP (DT The) (NN cat)) (VP (VBZ sees) (NP (DT a) (NN dog))) (. .))"


def words(text):
    """Words of each tree of the lines, or None where it is malformed, with its line."""
    found = []
    for raw in trees_of_lines(text.split("\n")):
        try:
            found.append((raw.line, " ".join(parse_tree(raw.text).words())))
        except Exception:
            found.append((raw.line, None))
    return found


def test_wsj_parsing(cases, read):
    for split, count in (("train", 40), ("dev", 4)):
        examples, warnings, dropped = read("wsj_parsing", cases / "trees", split)
        assert (len(examples), warnings, dropped) == (count, [], {})
        assert {example["inputs"] for example in examples} == {"The cat sees a dog ."}
        assert " ".join(examples[0]["targets"]) == "S NP DT NN /NP VP VBZ NP DT NN /NP /VP . /S"


def test_compressed_with_mark_and_carriage_returns(cases, read, tmp_path):
    text = (cases / "trees/wsjTrain.trees").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "wsjTrain.trees.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + text))
    examples, warnings, dropped = read("wsj_parsing", tmp_path)
    assert (len(examples), warnings, dropped) == (40, [], {})


@pytest.mark.parametrize("inner", ["  ", "\t", ""])
@pytest.mark.parametrize("outer", ["(S", "( (S"])
def test_malformed_tree_spoils_only_itself(inner, outer):
    end = ")" * outer.count("(")
    good = f"{outer}\n{inner}(NN cat)\n\n{inner}(VB sees){end}\n"
    bad = f"{outer}\n{inner}(NN cat)\n{inner}(VB sees\n"
    found = words(good + bad + good * 3)
    if inner or outer == "( (S":
        assert found == [(1, "cat sees"), (5, None), *((line, "cat sees") for line in (8, 12, 16))]
    else:  # without indentation nobody can tell where the next tree begins
        assert found[0] == (1, "cat sees") and None in [text for _, text in found]


def test_one_tree_a_line():
    assert words(f"{CAT}\n{CAT[:-1]}\n{CAT})\n\n  {CAT}\nno tree\n{CAT}") == [
        (1, "The cat sees a dog ."),
        (2, None),
        (3, None),
        (5, "The cat sees a dog ."),
        (6, None),
        (7, "The cat sees a dog ."),
    ]


def test_first_tree_of_many_is_malformed():
    found = words("\n".join([CAT[:-1], *[CAT] * 5000]))
    assert [line for line, text in found if text is None] == [1]
    assert len(found) == 5001


def test_trees_without_indentation():
    tree = CAT.replace(" (", "\n(")
    lines = tree.count("\n") + 1
    assert words("\n".join([tree] * 30)) == [(1 + lines * at, "The cat sees a dog .") for at in range(30)]
