"""Row: a second t2t-datagen into one --data_dir whose text the vocabulary fits badly."""

import json

import pytest

from t2t_multimodel.data.generation.engine import generate
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.registry import register_problem


class _Words(Problem):
    inputs = SymbolSpec()
    targets = SymbolSpec()
    command = "to_words"
    words = ""

    def examples(self, split, source):
        words = self.words.split()
        for i in range({"train": 200, "dev": 10, "test": 0}[split]):
            text = " ".join(words[(i * j) % len(words)] for j in range(1, 9))
            yield {"inputs": text, "targets": text}


@register_problem("fit_circles")
class Circles(_Words):
    words = "a small red circle is to the left of large blue squares"


@register_problem("fit_more_circles")
class MoreCircles(_Words):
    words = "a large red circle is to the left of small blue squares"


@register_problem("fit_parliament")
class Parliament(_Words):
    words = "Wiederaufnahme unterbrochenen Sitzungsperiode Europaeischen Parlaments Entschliessungsantrag zweifellos"


@pytest.fixture
def circles(tmp_path):
    generate(["fit_circles"], tmp_path, num_workers=1, vocab_size=330, report=lambda line: None)
    return tmp_path


def warnings_of(problem, folder, **options):
    lines = []
    generate([problem], folder, num_workers=1, warn=lines.append, report=lambda line: None, **options)
    return lines


def test_text_of_another_kind_is_named_with_both_numbers_and_the_cure(circles):
    (line,) = warnings_of("fit_parliament", circles)
    learned = Vocabulary.load(circles).options["pieces_a_word"]["fit_circles"]
    stats = json.loads((circles / "fit_parliament.json").read_text())["splits"]["train"]
    here = (stats["target_tokens"] / stats["examples"] - 1) / 8  # without the end; eight words each
    assert f"at {learned:.2f} pieces a word there and {here:.2f} here" in line
    assert "--problem=fit_circles,fit_parliament" in line and "new --data_dir" in line


def test_text_of_the_same_kind_gives_no_warning(circles):
    assert warnings_of("fit_more_circles", circles) == []
    assert warnings_of("fit_circles", circles) == []


def test_a_joint_run_gives_no_warning(tmp_path):
    lines = []
    names = ["fit_circles", "fit_parliament"]
    generate(names, tmp_path, num_workers=1, vocab_size=400, warn=lines.append, report=lambda line: None)
    assert lines == []
    assert warnings_of("fit_parliament", tmp_path, overwrite=True) == []
    assert set(Vocabulary.load(tmp_path).options["pieces_a_word"]) == set(names)


def test_the_treebank_then_a_translation(corpora_dir, tmp_path):
    generate(["wsj_parsing"], tmp_path, source_dir=corpora_dir / "parsing", num_workers=1, report=lambda line: None)
    lines = warnings_of("translate_ende", tmp_path, source_dir=corpora_dir / "translation")
    assert any("pieces a word" in line and "--problem=wsj_parsing,translate_ende" in line for line in lines)
