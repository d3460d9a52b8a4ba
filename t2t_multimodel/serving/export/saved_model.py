"""Writes a run as a SavedModel, in the folders that TensorFlow Serving reads."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_text

import t2t_multimodel
from t2t_multimodel import paths
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.errors import ExportError
from t2t_multimodel.runs.load import LoadedRun
from t2t_multimodel.serving.export.exported_problem import ExportedProblem
from t2t_multimodel.serving.export.warmup import FILE as WARMUP_FILE
from t2t_multimodel.serving.export.warmup import FOLDER, warmup_requests

DESCRIPTION_FILE = "export.json"
DEFAULT_SIGNATURE = "serving_default"
MAX_INPUT_LENGTH = 512


def export_saved_model(
    run: LoadedRun,
    export_dir: str | os.PathLike,
    problems: Sequence[str],
    hparams: DecodeHParams,
    *,
    max_input_length: int = MAX_INPUT_LENGTH,
) -> pathlib.Path:
    """Writes ``<export_dir>/<step>/``; it appears there once it is complete.

    Args:
        run: a loaded run.
        export_dir: folder of the versions of a model.
        problems: names of problems, each of which becomes a signature; the first is also the default one.
        hparams: how to search.
        max_input_length: longest text in ids, the end included; longer ones are refused.

    Returns:
        the folder of the version.

    Raises:
        ExportError: the version is there already, or a problem has no form in a graph.
        PathError: the folder cannot be written.

    Example:

        export_saved_model(load_run("run"), "saved_model", ["mini_parsing"], DecodeHParams(beam_size=4))
    """
    version = _checked_version(export_dir, run.step)
    if not problems:
        raise ExportError("there is no problem to export; name one that the run was trained on")
    if max_input_length < 1:
        raise ExportError(f"max_input_length={max_input_length} is too small; give 1 or more")
    has_text = any(task.problem.uses_vocabulary for task in run.manifest.tasks(problems))
    module = tf.Module()
    module.vocabulary = run.vocabulary.in_graph() if has_text else None
    module.weights = list(run.model.named_variables().values())
    exported = {
        name: ExportedProblem(run, name, hparams, module.vocabulary, max_input_length)
        for name in dict.fromkeys(problems)
    }
    functions = {name: one.function() for name, one in exported.items()}
    inputs = {name: one.problem.inputs for name, one in exported.items()}
    requests = warmup_requests({name: spec.raw_batch([spec.raw_example()]) for name, spec in inputs.items()})
    description = {
        "step": run.step,
        "problems": {name: one.describe() for name, one in exported.items()},
        "decode_hparams": dataclasses.asdict(hparams),
        "max_input_length": max_input_length,
        "vocabulary": run.manifest.vocab_fingerprint,
        "versions": _versions(),
    }
    with _appearing(version) as folder:
        tf.saved_model.save(module, str(folder), {**functions, DEFAULT_SIGNATURE: functions[problems[0]]})
        (folder / FOLDER).mkdir()
        (folder / FOLDER / WARMUP_FILE).write_bytes(requests)
        text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
        (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")
    return version


def _versions() -> dict[str, str]:
    return {
        "t2t_multimodel": t2t_multimodel.__version__,
        "tensorflow": tf.__version__,
        "tensorflow_text": tensorflow_text.__version__,
    }


def _checked_version(export_dir: str | os.PathLike, step: int) -> pathlib.Path:
    if "://" in os.fspath(export_dir):
        raise ExportError(f"{export_dir} is no local folder; export to one and copy it")
    paths.check_output_folder(export_dir, "--export_dir")
    version = pathlib.Path(export_dir) / str(step)
    if version.exists():
        raise ExportError(f"{version} is there already; remove it, or give another --export_dir")
    return version


@contextlib.contextmanager
def _appearing(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary folder that becomes `folder` when the block ends without an error.

    TensorFlow Serving takes no folder whose name is not a number.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o777 & ~mask)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
