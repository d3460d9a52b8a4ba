"""Tables and pairs of files of which nothing can be read, or whose first line names its columns."""

import pytest

from t2t_multimodel.data.generation import engine
from t2t_multimodel.errors import DataError

KEPT = "looks like column names; kept as an example, delete it if it is none"


def generated(name, source_dir, data_dir):
    warnings = []
    with pytest.raises(DataError) as caught:
        engine.generate([name], data_dir, source_dir=source_dir, num_workers=1, report=str, warn=warnings.append)
    return str(caught.value), warnings


def test_three_columns(cases, tmp_path):
    message, warnings = generated("text2text_folder", cases / "tables/three", tmp_path)
    table = cases / "tables/three/train.tsv"
    assert message.split("; put")[0] == (
        f"text2text_folder has no training examples (dropped: 3,000 not two columns, first at {table}: line 1 has 3)"
    )
    assert warnings == [
        *(f"{table}: line {number} has 3: not two columns; example dropped" for number in (1, 2, 3)),
        f"not two columns: 3,000 times, first at {table}: line 1 has 3; only the first 3 are shown",
    ]


def test_files_of_different_lengths(cases, tmp_path):
    message, warnings = generated("translate_ende", cases / "steps", tmp_path)
    where = f"{cases}/steps/europarl-v7.de-en.en (50 lines) and {cases}/steps/europarl-v7.de-en.de (53 lines)"
    reason = "different line counts, the pair of files is left out"
    assert message.split("; put")[0] == (
        f"translate_ende has no training examples (dropped: 1 {reason}, first at {where})"
    )
    assert warnings == [f"{where}: {reason}; example dropped"]


def test_header(cases, read):
    examples, warnings, dropped = read("text2text_folder", cases / "tables/header")
    assert warnings == [f"{cases}/tables/header/train.tsv: line 1: {KEPT}"]
    assert len(examples) == 21 and dropped == {}


def test_header_of_lists_and_pairs(read, tmp_path):
    (tmp_path / "train.inputs.txt").write_text("Source\ngo\n")
    (tmp_path / "train.targets.txt").write_text("Target\nva\n")
    examples, warnings, _ = read("text2text_folder", tmp_path)
    assert len(examples) == 2 and len(warnings) == 1 and warnings[0].endswith(KEPT)
    (tmp_path / "train.tsv").write_text("path\ttranscript\na.wav\tgo\n")
    with pytest.raises(DataError, match=r"2 missing or unreadable file, first at .*train\.tsv: line 1"):
        read("speech_tsv", tmp_path, dev_percent=0)


def test_usual_first_lines_get_no_warning(read, tmp_path):
    (tmp_path / "train.tsv").write_text("the source\tla source\ngo\tva\ntext\ttext\n")
    assert read("text2text_folder", tmp_path)[1] == []
