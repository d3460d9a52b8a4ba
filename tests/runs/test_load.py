"""A run's folder stands alone: it is copied elsewhere and used without the data."""

import json
import shutil
import subprocess
import sys

import pytest

from t2t_multimodel import load, registry
from t2t_multimodel.data.problem import Source
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import CheckpointError, VocabularyError
from t2t_multimodel.runs.assets import load_label_names, run_vocabulary, save_label_names, save_vocabulary
from t2t_multimodel.runs.load import load_run
from tests.conftest import MINI_PROBLEMS


@pytest.fixture
def copied_run(mini_run, tmp_path):
    return shutil.copytree(mini_run, tmp_path / "elsewhere" / "run")


def test_a_run_folder_names_no_other_folder(mini_data, mini_run):
    files = [path for path in mini_run.iterdir() if path.suffix in ("", ".json", ".jsonl") and path.is_file()]
    assert {"checkpoint", "label_names.json", "model.json", "vocab.json"} <= {path.name for path in files}
    for path in files:
        text = path.read_text()
        assert str(mini_run) not in text and str(mini_data) not in text, path.name


def test_a_copied_run_decodes_images_without_its_data(copied_run, tmp_path):
    problem = registry.problem("mini_image_class")
    source = Source(seed=1, options={**problem.options, "dev_examples": 1})
    (tmp_path / "image.jpg").write_bytes(next(iter(problem.examples("dev", source)))["inputs"])
    (tmp_path / "in.txt").write_text(f"{tmp_path / 'image.jpg'}\n")
    command = [
        sys.executable, "-m", "t2t_multimodel.bin.t2t_decoder", "--problem=mini_image_class",
        f"--output_dir={copied_run}", f"--decode_from_file={tmp_path / 'in.txt'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in problem.label_names(Source())


def test_a_copied_run_decodes_text_as_the_first_one(mini_run, copied_run):
    one, other = (
        load(folder).generate("mini_parsing", ["a red circle"], extra_length=4)[0] for folder in (copied_run, mini_run)
    )
    assert one == other and "circle" in one.text and one.score < 0


def test_all_problems_of_a_run_are_loaded_unless_named(mini_data, copied_run):
    run = load_run(copied_run)
    assert tuple(task.name for task in run.tasks) == MINI_PROBLEMS and run.step == 12
    assert run.vocabulary.fingerprint == Vocabulary.load(mini_data).fingerprint
    assert run.label_names == {"mini_image_class": registry.problem("mini_image_class").label_names(Source())}
    (copied_run / "label_names.json").unlink()
    run = load_run(copied_run, problems=["mini_image_class"])
    assert [task.name for task in run.tasks] == ["mini_image_class"]
    assert run.label_names == {"mini_image_class": [str(number) for number in range(42)]}


def test_what_is_missing_in_a_run_folder_is_named(copied_run, tmp_path):
    vocabulary = (copied_run / "vocab.json").read_bytes()
    (copied_run / "vocab.json").unlink()
    with pytest.raises(VocabularyError, match="copy the vocabulary's files"):
        load_run(copied_run)
    (copied_run / "vocab.json").write_bytes(vocabulary)
    Vocabulary.load(copied_run).extend(["octagon"]).save(copied_run)
    with pytest.raises(VocabularyError, match="is not the model's"):
        load_run(copied_run)
    with pytest.raises(CheckpointError, match="no trained model"):
        load_run(tmp_path)


def test_a_folder_of_version_1_is_refused_with_the_cure(copied_run):
    manifest = json.loads((copied_run / "model.json").read_text())
    assert manifest["version"] == 2
    (copied_run / "model.json").write_text(json.dumps({**manifest, "version": 1}))
    with pytest.raises(CheckpointError, match=r"version 1.*train again into a new --output_dir"):
        load_run(copied_run)


def test_the_vocabulary_of_tensor2tensor_is_kept_in_its_own_form(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "data" / "vocab.subwords").write_text("'<pad>'\n'<EOS>'\n'ab_'\n'a'\n'b'\n'_'\n")
    vocabulary = T2TSubwordVocabulary.load(tmp_path / "data" / "vocab.subwords")
    save_vocabulary(tmp_path / "run", vocabulary, tmp_path / "data")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["vocab.subwords"]
    found = run_vocabulary(tmp_path / "run", vocabulary.fingerprint)
    assert found.encode("ab") == vocabulary.encode("ab") == [2]


def test_class_names_of_other_problems_stay(tmp_path):
    save_label_names(tmp_path, {"one": ["a", "b"]})
    save_label_names(tmp_path, {"two": ["ä"]})
    assert load_label_names(tmp_path) == {"one": ["a", "b"], "two": ["ä"]}
    (tmp_path / "label_names.json").write_text("[1")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_label_names(tmp_path)
