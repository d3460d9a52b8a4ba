"""What stands on the page, in the text and in the JSON, of reports made by hand."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from t2t_multimodel.data.console import number
from t2t_multimodel.data.inspect.side import Side
from t2t_multimodel.errors import DataError
from t2t_multimodel.report import svg
from t2t_multimodel.report.attention import Attention
from t2t_multimodel.report.files import write_report
from t2t_multimodel.report.page import page
from t2t_multimodel.report.problem_report import ProblemReport, ShownExample, confusions
from t2t_multimodel.report.text import as_json, as_text
from t2t_multimodel.text.bracket_files import parse_tree

EVIL = "<script>alert('&\"')</script>"
TREE = "(S (NP (DT the) (NN cat)) (VP (VBZ sits)))"


def record(name="task", **scores):
    common = {"step": 7, "problem": name, "split": "dev", "examples": 9, "loss": 1.25, "baseline_loss": 2.5}
    return {**common, "token_accuracy": 0.5, "baseline_accuracy": 0.25, "sequence_accuracy": 0.125, **scores}


def example(**changes):
    given = {"row": 4, "score": 0.75, "log_probability": -3.5, "inputs": Side("5 ids", "in"), "output": "out"}
    return ShownExample(**{**given, "references": ("wanted",), **changes})


def attention(columns=3, sources=("a", "b", "c"), grid=None):
    weights = np.full([2, columns], 1 / columns)
    return Attention(weights, ["x", "</s>"], None if sources is None else list(sources), grid)


def drawings(text):
    """The SVG drawings, which must be well-formed."""
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.S)]


def test_nothing_that_is_shown_can_be_markup():
    shown = example(
        inputs=Side(EVIL, EVIL), output=EVIL, references=(EVIL,), attention=attention(sources=(EVIL, EVIL, EVIL))
    )
    report = ProblemReport(
        record=record(EVIL, note=EVIL),
        metrics=(EVIL,),
        ranked_by=EVIL,
        best=(shown,),
        confusion=np.array([[0, 1], [0, 0]]),
        class_names=(EVIL, EVIL),
        loads={EVIL: np.array([0.5, 0.5])},
    )
    text = page(EVIL, [report])
    assert "<script" not in text and text.count("&lt;script") > 12
    assert drawings(text)


def test_a_page_needs_nothing_else():
    shown = example(inputs=Side("1 px", "picture", png=b"png", wav=b"wav"), attention=attention(4, None, (2, 2)))
    text = page("title", [ProblemReport(record(), (), "wer", best=(shown,))])
    sources = re.findall(r"(?:src|href|url)\s*[=(]\s*['\"]?([^'\" >)]+)", text)
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    assert text.count("data:image/png") == 3 and text.count("data:audio/wav") == 1


def test_scores_stand_with_interval_and_baseline():
    report = ProblemReport(record(wer=0.5, wer_interval=[0.25, 0.75], wer_insertions=3), ("wer",))
    assert report.scores() == [
        ("loss", 1.25, None, 2.5),
        ("token_accuracy", 0.5, None, 0.25),
        ("sequence_accuracy", 0.125, None, None),
        ("wer", 0.5, [0.25, 0.75], None),
    ]
    text = page("title", [report])
    assert "<td>wer</td><td>0.5</td><td>0.25 to 0.75</td>" in text and "<td>wer_insertions</td><td>3</td>" in text
    assert re.search(r"task +wer +0\.5 +0\.25 to 0\.75", as_text("title", [report]))
    assert (number(3), number(1e-12), number(0.123456)) == ("3", "0", "0.1235")


def test_trees_are_drawn_and_what_is_none_is_said():
    report = ProblemReport(
        record(), ("bracket_f1",), "bracket_f1", worst=(example(output="(S (NP", references=(TREE,)),), trees=True
    )
    text = page("title", [report])
    (drawing,) = drawings(text)
    assert "not a tree" in text and [found.text for found in drawing.iter() if found.tag.endswith("text")]


def test_a_tree_has_its_words_in_order_and_a_line_to_each_child():
    drawing = ElementTree.fromstring(svg.tree(parse_tree(TREE)))
    texts = [
        (float(found.get("x")), int(found.get("y")), found.text) for found in drawing if found.tag.endswith("text")
    ]
    words = sorted(place for place in texts if place[2] in ("the", "cat", "sits"))
    assert [text for *_, text in words] == ["the", "cat", "sits"]
    assert sorted(text for *_, text in texts) == sorted(["S", "NP", "DT", "the", "NN", "cat", "VP", "VBZ", "sits"])
    assert sum(found.tag.endswith("line") for found in drawing) == len(texts) - 1
    height = {text: y for _, y, text in texts}
    assert height["S"] < height["NP"] == height["VP"] < height["DT"] < height["the"]


def test_a_deep_tree_is_drawn():
    deep = parse_tree("(A " * 3000 + "(B b)" + ")" * 3000)
    assert svg.tree(deep).count("<line") == 3001


def test_a_matrix_has_a_cell_a_value_with_its_names():
    values = np.array([[0.0, 0.25, 1.0], [0.5, 0.5, 0.0]])
    drawing = ElementTree.fromstring(svg.matrix(values, ["p", "q"], ["u", "v", "w"], form="{:.0%}"))
    cells = [found for found in drawing if found.tag.endswith("rect")]
    assert [cell[0].text for cell in cells][:3] == ["p, u: 0%", "p, v: 25%", "p, w: 100%"] and len(cells) == 6
    assert (cells[0].get("fill"), cells[2].get("fill")) == ("#0c0828", "#fcfac8")


def test_long_sources_are_pooled():
    text = page("title", [ProblemReport(record(), (), "wer", best=(example(attention=attention(1000, None)),))])
    (drawing,) = drawings(text)
    cells = [found[0].text for found in drawing if found.tag.endswith("rect")]
    assert len(cells) == 2 * 120 and set(cells) >= {"x, 0: 0.008"}


def test_confusions_are_the_wrong_ones_most_frequent_first():
    counts = np.array([[5, 1, 0], [3, 9, 0], [0, 0, 0]])
    report = ProblemReport(record(), (), confusion=counts, class_names=("one", "two", "three"))
    assert confusions(report) == [("two", "one", 3), ("one", "two", 1)]
    assert "two taken for one: 3" in as_text("title", [report])
    (found,) = as_json("title", [report])["problems"]
    assert found["confusion"] == {
        "classes": ["one", "two", "three"],
        "wanted_predicted_count": [[0, 0, 5], [0, 1, 1], [1, 0, 3], [1, 1, 9]],
    }


def test_files(tmp_path):
    report = ProblemReport(record(), ("wer",), "wer", (example(attention=attention()),), (example(row=5),))
    paths = write_report(tmp_path / "new" / "folder", "title", [report])
    assert [path.name for path in paths] == ["page.html", "report.json", "report.txt"]
    (found,) = json.loads(paths[1].read_text())["problems"]
    assert found["record"] == report.record and [one["row"] for one in found["worst"]] == [5]
    assert found["best"][0]["attention"]["sources"] == ["a", "b", "c"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="give another --report"):
        write_report(tmp_path / "file", "title", [report])
