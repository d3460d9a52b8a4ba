"""What decoding needs beside the model: the run's vocabulary and its class names, kept in the run's folder."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence

from t2t_multimodel.data import storage
from t2t_multimodel.data.vocabulary.load import SUBWORDS_FILE, AnyVocabulary, load_vocabulary
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import JSON_FILE, MODEL_FILE
from t2t_multimodel.errors import CheckpointError, VocabularyError

LABEL_NAMES_FILE = "label_names.json"


def save_vocabulary(output_dir: str | pathlib.Path, vocabulary: AnyVocabulary, data_dir: str | pathlib.Path) -> None:
    """Copies the vocabulary's files from a data folder into a run's folder, each atomically.

    Args:
        output_dir: the run.
        vocabulary: what `load_vocabulary(data_dir)` gave.
        data_dir: where its files are: `vocab.model` and `vocab.json`, or `vocab.subwords`.
    """
    names = (SUBWORDS_FILE,) if isinstance(vocabulary, T2TSubwordVocabulary) else (MODEL_FILE, JSON_FILE)
    for name in names:
        storage.write_atomically(storage.at(output_dir) / name, (storage.at(data_dir) / name).read_bytes())


def run_vocabulary(output_dir: str | pathlib.Path, fingerprint: str) -> AnyVocabulary | None:
    """The vocabulary in a run's folder, or None for an empty fingerprint.

    Args:
        output_dir: the run.
        fingerprint: what the manifest says of the vocabulary; "" where no problem has text.

    Raises:
        VocabularyError: the vocabulary is missing, damaged or another one.
    """
    if not fingerprint:
        return None
    folder = storage.at(output_dir)
    cure = "copy the vocabulary's files from the --data_dir that the model was trained with"
    if not any((folder / name).is_file() for name in (JSON_FILE, SUBWORDS_FILE)):
        raise VocabularyError(f"{folder} has no {MODEL_FILE} and {JSON_FILE}; {cure}")
    vocabulary = load_vocabulary(folder)
    if vocabulary.fingerprint != fingerprint:
        raise VocabularyError(
            f"the vocabulary in {folder} ({vocabulary.fingerprint}) is not the model's ({fingerprint}); {cure}"
        )
    return vocabulary


def save_label_names(output_dir: str | pathlib.Path, names: Mapping[str, Sequence[str]]) -> None:
    """Writes the class names of problems into a run's folder; the names of its other problems stay.

    Args:
        output_dir: the run.
        names: by problem.
    """
    merged = {**load_label_names(output_dir), **{problem: list(listed) for problem, listed in names.items()}}
    text = json.dumps(merged, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    storage.write_atomically(storage.at(output_dir) / LABEL_NAMES_FILE, text.encode("utf-8"))


def load_label_names(output_dir: str | pathlib.Path) -> dict[str, list[str]]:
    """Class names by problem; problems without names are left out.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = storage.at(output_dir) / LABEL_NAMES_FILE
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(problem): [str(name) for name in names] for problem, names in stored.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); delete it to decode classes as numbers") from error
