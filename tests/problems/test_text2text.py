"""Your own pairs of texts in a folder."""

import gzip

import pytest

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import BadExampleError, SourceError


def read(folder, split="train", strict=False, **options):
    problem = registry.problem("text2text_folder")
    warnings = []
    source = Source(source_dir=folder, options={**problem.options, **options}, warn=warnings.append, strict=strict)
    pairs = [(example["inputs"], example["targets"]) for example in problem.examples(split, source)]
    return pairs, warnings, dict(source.dropped)


def test_two_files(tmp_path):
    (tmp_path / "train.inputs.txt").write_text("a b\u2028c\r\nd\n\n", encoding="utf-8")
    (tmp_path / "train.targets.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfx\ny\nz"))
    assert read(tmp_path) == ([("a b\u2028c", "x"), ("d", "y")], [], {"empty side": 1})
    assert read(tmp_path, "dev")[0] == []


def test_table(tmp_path):
    (tmp_path / "train.tsv").write_bytes(b"a\tx\nb\nc\ty\tz\n\xff\tq\n\tw\nd\tv")
    pairs, warnings, dropped = read(tmp_path)
    assert pairs == [("a", "x"), ("d", "v")]
    assert dropped == {"not two columns": 2, "invalid UTF-8": 1, "empty side": 1}
    assert warnings == [
        f"{tmp_path}/train.tsv: line 2 has 1: not two columns; example dropped",
        f"{tmp_path}/train.tsv: line 3 has 3: not two columns; example dropped",
        f"{tmp_path}/train.tsv: line 4, byte 12: invalid UTF-8; example dropped",
    ]
    with pytest.raises(BadExampleError, match="line 2"):
        read(tmp_path, strict=True)


def test_damaged_table_is_read_up_to_the_damage(tmp_path):
    table = "".join(f"{n * 7919}\t{n * 104729}\n" for n in range(5000))
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress(table.encode())[:-9000])
    pairs, warnings, _ = read(tmp_path)
    assert 0 < len(pairs) < 5000
    assert pairs[1] == ("7919", "104729")
    assert len(warnings) == 1
    assert "train.tsv.gz" in warnings[0]


def test_unclear_folders_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"train\.tsv"):
        read(tmp_path)
    with pytest.raises(SourceError, match="--source_dir"):
        read(None)
    (tmp_path / "train.inputs.txt").write_text("a")
    with pytest.raises(SourceError, match="lacks its other side"):
        read(tmp_path)
    (tmp_path / "train.tsv").write_text("a\tb")
    with pytest.raises(SourceError, match="keep one"):
        read(tmp_path)


def test_filters_apply_to_training(tmp_path):
    lines = "a b c d\tx y z w\na\tx y z\nsame\tsame\none\tuno\ntwo\tdue\n"
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text(lines)
    options = {"max_length": 3, "max_ratio": 2.0, "drop_identical": True, "max_examples": 1}
    pairs, _, dropped = read(tmp_path, **options)
    assert pairs == [("one", "uno")]
    assert dropped == {"longer than max_length": 1, "over max_ratio": 1, "identical sides": 1, "over max_examples": 1}
    assert read(tmp_path, "dev", **options)[0] == [("a b c d", "x y z w")]
