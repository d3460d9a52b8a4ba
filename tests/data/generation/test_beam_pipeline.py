import hashlib
import pathlib

import pytest

from t2t_multimodel.data.generation import engine
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.errors import BadExampleError, DataError
from t2t_multimodel.modalities import AudioSpec, ClassLabelSpec, SymbolSpec
from t2t_multimodel.registry import register_problem

_WORDS = ["river", "stone", "house", "tree", "green", "quiet", "walks", "sings"]


@pytest.fixture(scope="module", autouse=True)
def beam():
    return pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install 't2t-multimodel[beam]'")


class _Beamed(Problem):
    options = {"examples": 3000, "bad": False}
    command = "to_beamed"

    def examples(self, split, source):
        for number in range({"train": source.options["examples"], "dev": 30, "test": 0}[split]):
            if source.options["bad"] and number % 100 == 7:
                source.drop("broken", f"{split} {number}")
            else:
                yield self.example(number)


@register_problem("beamed_text")
class BeamedText(_Beamed):
    inputs, targets = SymbolSpec(), SymbolSpec()

    def example(self, number):
        words = [_WORDS[number * at % 8] for at in range(1, 3 + number % 11)]
        return {"inputs": " ".join(words), "targets": " ".join(reversed(words))}


@register_problem("beamed_sound")
class BeamedSound(_Beamed):
    inputs, targets = AudioSpec(), ClassLabelSpec(4)

    def example(self, number):
        import numpy as np

        return {"inputs": np.full(20 + number % 50, number / 3000, np.float32), "targets": number % 4}


def _generate(folder: pathlib.Path, problems, beam_options=None, **arguments) -> dict[str, str]:
    """Generates, and gives the digest of every file; indices, which hold times, by their content."""
    arguments = {"num_shards": 4, "num_workers": 1, "vocab_size": 400, "report": lambda line: None, **arguments}
    engine.generate(problems, folder, beam_options=beam_options, **arguments)
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix != ".npz"
    }
    for name in problems:
        index = RecordIndex.load_or_build(folder, name, "train")
        columns = (index.file, index.offset, index.length, index.input_length, index.target_length)
        digests[f"{name} index"] = str([column.tolist() for column in columns])
    return digests


def test_shards_and_metadata_equal_the_local_engines(tmp_path):
    problems, options = ["beamed_text", "beamed_sound"], "bad=true"
    local = _generate(tmp_path / "local", problems, options=options)
    beamed = _generate(tmp_path / "beam", problems, ["runner=DirectRunner"], options=options)
    assert beamed == local
    assert sum("-of-" in name for name in local) == 10
    assert '"broken": 30' in (tmp_path / "beam" / "beamed_text.json").read_text()


def test_two_workers_give_the_same(tmp_path):
    local = _generate(tmp_path / "local", ["beamed_sound"])
    options = ["runner=DirectRunner", "direct_num_workers=2", "direct_running_mode=multi_threading"]
    assert _generate(tmp_path / "beam", ["beamed_sound"], options) == local


def test_a_workers_error_is_the_projects_own(tmp_path):
    with pytest.raises(BadExampleError, match="train 7"):
        _generate(tmp_path, ["beamed_sound"], [], options="bad=true", strict=True)


def test_an_interrupted_run_is_continued(tmp_path, monkeypatch):
    local = _generate(tmp_path / "local", ["beamed_text", "beamed_sound"])
    with monkeypatch.context() as patched:
        patched.setattr(BeamedSound, "example", lambda self, number: {"inputs": None, "targets": 0})
        with pytest.raises(DataError, match="beamed_sound yielded inputs"):
            _generate(tmp_path / "beam", ["beamed_text", "beamed_sound"], [])
    assert _generate(tmp_path / "beam", ["beamed_text", "beamed_sound"], []) == local
