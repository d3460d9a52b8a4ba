import subprocess
import sys

import pytest

from t2t_multimodel.data.vocabulary import tools as vocabulary_tools
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import VocabularyError


@pytest.fixture
def folder(tmp_path):
    Vocabulary.build(["the cat sat on the mat"] * 20, ["(S", ")S"], size=400, folder=tmp_path / "data")
    return tmp_path


def _run(*flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "t2t_multimodel.bin.t2t_vocab", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_commands(folder):
    data = f"--data_dir={folder / 'data'}"
    inspected = _run(data, "--text=the cat")
    assert inspected.returncode == 0 and "labels: 2" in inspected.stdout and "▁cat" in inspected.stdout
    extended = _run(data, "--action=extend", "--labels=NP", "--pieces=zebra", f"--to_dir={folder / 'new'}")
    assert extended.returncode == 0, extended.stderr
    old, new = Vocabulary.load(folder / "data"), Vocabulary.load(folder / "new")
    assert new.size == old.size + 2 and new.label_id("NP") == old.size + 1
    wrong = _run(data, "--action=coverage", f"--file={folder / 'missing'}")
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1


def test_a_vocabulary_is_built_from_files(folder):
    texts = [folder / "a.txt", folder / "b.txt"]
    for text in texts:
        text.write_text(f"the cat sat on the mat\n\n{text.stem} dog\n" * 20, encoding="utf-8")
    flags = ["--action=build", f"--file={texts[0]},{texts[1]}", "--vocab_size=300", "--labels=(S,)S"]
    done = _run(*flags, f"--to_dir={folder / 'built'}")
    assert done.returncode == 0, done.stderr
    built = Vocabulary.load(folder / "built")
    assert 260 < built.size <= 300 and built.labels == {"(S": built.size - 2, ")S": built.size - 1}
    again = _run(*flags, f"--to_dir={folder / 'built'}")
    assert again.returncode == 1 and "has a vocabulary" in again.stderr


def test_coverage_counts_bytes(folder):
    (folder / "text").write_text("the cat\n\nthe ß\n", encoding="utf-8")
    report = vocabulary_tools.coverage(Vocabulary.load(folder / "data"), folder / "text")
    # the, cat; the, a blank, two bytes
    assert "lines: 2  words: 4  characters: 12  ids: 6" in report
    assert "single bytes: 33.333%" in report and report.endswith("most often ß")


def test_subwords_files_are_shown_but_not_extended(folder):
    pieces = ["<pad>_", "<EOS>_", "the_", *"abcteh", "_", "\\", ";", *"0123456789u"]
    (folder / "vocab.subwords").write_text("".join(f"'{piece}'\n" for piece in pieces), encoding="utf-8")
    vocabulary = vocabulary_tools.open_vocabulary(folder / "vocab.subwords")
    assert "the_:2" in vocabulary_tools.describe(vocabulary, "the cab")
    with pytest.raises(VocabularyError, match="cannot be extended"):
        vocabulary_tools.extend(vocabulary, ["x"], [], folder / "new")


def test_extending_needs_a_free_folder_and_something_new(folder):
    vocabulary = Vocabulary.load(folder / "data")
    with pytest.raises(VocabularyError, match="has a vocabulary"):
        vocabulary_tools.extend(vocabulary, ["x"], [], folder / "data")
    with pytest.raises(VocabularyError, match="nothing new"):
        vocabulary_tools.extend(vocabulary, [], ["(S"], folder / "new")
