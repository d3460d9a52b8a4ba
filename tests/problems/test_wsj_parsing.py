"""Reading the Penn Treebank's layouts."""

import gzip
import random
import shutil

import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.data.vocabulary.vocabulary import Label
from t2t_multimodel.errors import BadExampleError, MultiModelError, SourceError
from t2t_multimodel.text import linearization

OFFICIAL = "treebank_3/parsed/mrg/wsj"
TREE = "( (S (NP-SBJ (DT The) (NN {0}) ) (VP (VBD slept) ) (. .) ))\n"


@pytest.fixture
def problem():
    return registry.problem("wsj_parsing")


def source_of(folder, **kwargs):
    warnings = []
    return Source(source_dir=folder, warn=warnings.append, **kwargs), warnings


def read(problem, folder, split="train", **options):
    source, _ = source_of(folder, options=options)
    return list(problem.examples(split, source))


def write_treebank(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def nouns(examples):
    return [example["inputs"].split()[1] for example in examples]


def test_corpus_is_read_whole(problem, corpora_dir):
    source, warnings = source_of(corpora_dir / "parsing")
    train = list(problem.examples("train", source))
    dev = list(problem.examples("dev", source))
    assert (len(train), len(dev)) == (14663, 798)
    assert not warnings
    assert not source.dropped
    assert list(problem.examples("test", source)) == []
    first = "S NP XX /NP VP VBD NP NP XX NN /NP PP IN NP XX NN NN /NP /PP /NP /VP /S"
    assert train[0] == {
        "inputs": "she plugged a cork in the wine bottle",
        "targets": first.split(),
    }
    assert all(isinstance(symbol, Label) for symbol in train[0]["targets"])
    for example in dev:
        one, repairs = problem.decode_tree(example["targets"], example["inputs"])
        assert repairs == 0
        assert one.words() == example["inputs"].split(" ")
        assert linearization.linearize(one) == example["targets"]


@pytest.mark.parametrize("level", ["", "parsing", "parsing/treebank_3", "parsing/treebank_3/parsed/mrg/wsj"])
def test_any_level_of_the_official_path(problem, corpora_dir, level):
    source, _ = source_of(corpora_dir / level)
    assert next(problem.examples("train", source))["inputs"] == "she plugged a cork in the wine bottle"


def test_splits_are_sections(problem, tmp_path):
    sections = ["00", "01", "02", "21", "22", "23", "24"]
    write_treebank(tmp_path, {f"{OFFICIAL.upper()}/{n}/wsj_{n}00.mrg": TREE.format("cat" + n) for n in sections})
    assert nouns(read(problem, tmp_path)) == ["cat02", "cat21"]
    assert nouns(read(problem, tmp_path, "dev")) == ["cat22"]
    assert nouns(read(problem, tmp_path, "test")) == ["cat23"]
    section = tmp_path / OFFICIAL.upper() / "22"
    assert nouns(read(problem, section, "dev")) == ["cat22"]


def test_flat_files_of_tensor2tensor(problem, tmp_path):
    line = TREE.format("{0}").strip()
    (tmp_path / "wsjTrain.trees").write_text(f"{line.format('a')}\n\n{line.format('b')[:-1]}\n{line.format('c')}")
    (tmp_path / "wsj_dev.trees.gz").write_bytes(gzip.compress(line.format("d").encode()))
    source, warnings = source_of(tmp_path)
    assert nouns(problem.examples("train", source)) == ["a", "c"]
    assert warnings == [f"{tmp_path}/wsjTrain.trees: tree 2 (line 3): unbalanced tree; example dropped"]
    assert nouns(read(problem, tmp_path, "dev")) == ["d"]
    assert read(problem, tmp_path, "test") == []


def test_options(problem, tmp_path):
    write_treebank(tmp_path, {f"{OFFICIAL}/02/wsj_0200.mrg": TREE.format("cat")})
    targets = {
        ("pos", False): "S NP DT NN /NP VP VBD /VP . /S",
        ("xx", False): "S NP XX XX /NP VP XX /VP XX /S",
        ("pos", True): "S NP DT The NN cat /NP VP VBD slept /VP . . /S",
    }
    for (preterminals, words), expected in targets.items():
        (example,) = read(problem, tmp_path, preterminals=preterminals, words=words)
        assert example == {"inputs": "The cat slept .", "targets": expected.split()}
    with pytest.raises(MultiModelError, match="pos or xx"):
        read(problem, tmp_path, preterminals="tags")


def test_trees_without_words_are_counted(problem, corpora_dir, tmp_path):
    folder = tmp_path / OFFICIAL / "02"
    folder.mkdir(parents=True)
    shutil.copy(corpora_dir / "parsing" / OFFICIAL / "24/wsj_2454.mrg", folder / "wsj_0200.mrg")
    source, warnings = source_of(tmp_path)
    assert len(list(problem.examples("train", source))) == 8
    assert dict(source.dropped) == {"no words left in tree": 1}
    assert not warnings


def test_bad_files_are_named_and_counted(problem, corpora_dir, tmp_path):
    folder = tmp_path / OFFICIAL / "02"
    folder.mkdir(parents=True)
    shutil.copy(corpora_dir / "bad/parsing/unbalanced_close.mrg", folder / "wsj_0200.mrg")
    shutil.copy(corpora_dir / "bad/parsing/unbalanced_open.mrg", folder / "wsj_0201.mrg")
    (folder / "wsj_0202.mrg").write_bytes(b"(S (NN \xff))\n(S (/NN a) (VB b))\n(S (NN) (VB b))\n(S (NN sound))")
    for where in (tmp_path, folder):
        source, warnings = source_of(where)
        assert [example["inputs"] for example in problem.examples("train", source)] == ["The cat slept .", "sound"]
        assert [line.removeprefix(str(folder)) for line in warnings] == [
            "/wsj_0200.mrg: tree 1 (line 2): unbalanced tree; example dropped",
            "/wsj_0201.mrg: tree 2 (line 6): unbalanced tree; example dropped",
            "/wsj_0202.mrg: tree 1 (line 1): invalid UTF-8; example dropped",
            "/wsj_0202.mrg: tree 2 (line 2): label begins with a slash; example dropped",
            "/wsj_0202.mrg: tree 3 (line 3): malformed tree; example dropped",
        ]
        assert source.dropped.total() == 5
    source, _ = source_of(tmp_path, strict=True)
    with pytest.raises(BadExampleError, match=r"wsj_0200\.mrg: tree 1 \(line 2\)"):
        list(problem.examples("train", source))


def test_bad_folder_itself(problem, corpora_dir):
    source, warnings = source_of(corpora_dir / "bad" / "parsing")
    assert [example["inputs"] for example in problem.examples("train", source)] == ["The cat slept ."]
    assert len(warnings) == 2


def test_missing_corpus_tells_how_to_get_it(problem, tmp_path):
    for folder in (None, tmp_path / "absent", tmp_path):
        source, _ = source_of(folder)
        with pytest.raises(SourceError, match="LDC99T42"):
            list(problem.examples("train", source))


def test_cut_gzip_keeps_the_trees_before_the_cut(problem, tmp_path):
    rng = random.Random(0)
    lines = "".join(TREE.format(f"w{rng.getrandbits(64)}") for _ in range(3000))
    (tmp_path / "train.trees.gz").write_bytes(gzip.compress(lines.encode())[:-20_000])
    source, warnings = source_of(tmp_path)
    kept = len(list(problem.examples("train", source)))
    assert 0 < kept < 3000
    assert len(warnings) == 1
    assert f"after tree {kept}" in warnings[0]


def test_output_is_a_repaired_tree_over_the_words(problem):
    inputs = problem.prepare_input(" The  cat (asleep)\tslept")
    assert inputs == "The cat -LRB- asleep -RRB- slept"
    tokens = [
        Label(label) for label in ["S", "NP", "DT", "NN", "PRN", "-LRB-", "JJ", "-RRB-", "/PRN", "/NP", "VP", "VBD"]
    ]
    expected = "(S (NP (DT The) (NN cat) (PRN (-LRB- -LRB-) (JJ asleep) (-RRB- -RRB-))) (VP (VBD slept)))"
    assert problem.present_output(tokens, "", inputs) == expected
    assert problem.decode_tree(tokens, inputs)[1] == 2


def test_inputs_are_prepared_in_the_graph_as_in_python(problem):
    import tensorflow as tf

    texts = [" The  cat (asleep)\tslept", "", "{}", "a\u3000b \v(", "\ufeffa\n", "x\u00a0 y"]
    found = problem.prepare_in_graph({"text": tf.constant([text.encode() for text in texts])})["text"]
    assert [text.decode() for text in found.numpy()] == [problem.prepare_input(text) for text in texts]


def check_mutations(problem, corpora_dir, folder, number):
    data = (corpora_dir / "parsing" / OFFICIAL / "24/wsj_2454.mrg").read_bytes()[:1200]
    rng = random.Random(2)
    path = folder / "wsj_0200.mrg"
    kept = bad = 0
    for _ in range(number):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(changed))
            changed[at : at + rng.randint(0, 3)] = rng.choice(
                [b"(", b")", b"\n(", b" ", b"/", bytes([rng.randrange(256)])]
            )
        path.write_bytes(bytes(changed[: rng.randrange(len(changed)) if rng.random() < 0.2 else None]))
        source, warnings = source_of(folder)
        kept += len(list(problem.examples("train", source)))
        bad += len(warnings)
    assert kept > number
    assert bad > number // 4


def test_mutated_files_raise_nothing(problem, corpora_dir, tmp_path):
    check_mutations(problem, corpora_dir, tmp_path, 1000)


@pytest.mark.slow
def test_ten_thousand_mutated_files(problem, corpora_dir, tmp_path):
    check_mutations(problem, corpora_dir, tmp_path, 10_000)
