"""Warm start: a new run's weights from a trained one, for fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from t2t_multimodel.data import storage
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import CheckpointError, VocabularyError
from t2t_multimodel.runs import checkpoint_files
from t2t_multimodel.runs.checkpoint import has_checkpoints, newest_checkpoint
from t2t_multimodel.runs.manifest import Manifest
from t2t_multimodel.runs.rounded_weights import RoundedWeights, has_rounded_weights
from t2t_multimodel.runs.selection.average import FOLDER as AVERAGE_FOLDER
from t2t_multimodel.runs.stored_weights import StoredWeights

# Tables with one row for each id of the vocabulary.
_SYMBOL_TABLES = ("embedding", "input_embedding", "target_embedding", "softmax")


def warm_start(
    variables: Mapping[str, tf.Variable], manifest: Manifest, vocabulary: AnyVocabulary | None, source: str
) -> str:
    """Assigns the weights that two models share; variables that the older one lacks keep their initial values.

    Where `t2t-vocab --action=extend` made the vocabulary from the older run's, all old ids keep their rows. Command
    tokens are matched by name.

    Args:
        variables: of the new model by path.
        manifest: of the new run.
        vocabulary: of the new run's data, or None where no problem has text.
        source: output folder of a run or of rounded weights, or path of a checkpoint.

    Returns:
        a line that says what was taken from where.

    Raises:
        CheckpointError: there is no checkpoint, or the models differ in structure.
        VocabularyError: the new vocabulary is neither the older one nor an extension of it.
    """
    folder, stored = _locate(source)
    old = Manifest.load(folder)
    _check_vocabulary(old, vocabulary, source)
    taken = 0
    for path, variable in variables.items():
        if path in stored.shapes:
            value = stored.read(path)
            if not np.isfinite(value).all():
                raise CheckpointError(
                    f"{stored.path} has weights that are not finite ({path}); give an older checkpoint of that run"
                )
            variable.assign(_value(path, variable, value, old, manifest))
            taken += 1
    if not taken:
        raise CheckpointError(f"{stored.path} has no variable of this model; give a run of the same body.form")
    return f"warm start: {taken} of {len(variables)} variables from {stored.path}"


def _locate(source: str) -> tuple[storage.AnyPath, StoredWeights | RoundedWeights]:
    """The run's folder and the weights."""
    if storage.at(source).is_dir():
        if has_rounded_weights(source) and not has_checkpoints(source):
            return storage.at(source), RoundedWeights(source)
        checkpoint = newest_checkpoint(source)
    else:
        checkpoint = checkpoint_files.resolve(source)
    folder = storage.at(checkpoint).parent
    return folder.parent if folder.name == AVERAGE_FOLDER else folder, StoredWeights(checkpoint)


def _check_vocabulary(old: Manifest, vocabulary: AnyVocabulary | None, source: str) -> None:
    if not old.vocab_fingerprint or vocabulary is None:
        return
    older = vocabulary.options.get("extends", ()) if isinstance(vocabulary, Vocabulary) else ()
    if old.vocab_fingerprint not in (vocabulary.fingerprint, *older):
        raise VocabularyError(
            f"the data's vocabulary ({vocabulary.fingerprint}) does not extend that of {source}"
            f" ({old.vocab_fingerprint}); extend that one by t2t-vocab --action=extend and generate the data with it"
        )


def _value(path: str, variable: tf.Variable, value: np.ndarray, old: Manifest, new: Manifest) -> np.ndarray:
    table = path.rsplit("/", 1)[-1]
    if table == "commands" and value.shape[1:] == tuple(variable.shape[1:]):
        rows = variable.numpy()
        for command, row in new.commands.items():
            if command in old.commands:
                rows[row] = value[old.commands[command]]
        return rows
    if table in _SYMBOL_TABLES and value.shape[1:] == tuple(variable.shape[1:]) and len(value) <= variable.shape[0]:
        return np.concatenate([value, variable.numpy()[len(value) :]])
    if value.shape != tuple(variable.shape):
        raise CheckpointError(
            f"{path} is {list(value.shape)} in the trained run and {variable.shape.as_list()} here;"
            " give the --hparams_set and --hparams it was trained with"
        )
    return value
