"""The vocabulary of a data folder, whichever kind it is."""

from __future__ import annotations

import os
import pathlib

from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import JSON_FILE, MODEL_FILE, Vocabulary

SUBWORDS_FILE = "vocab.subwords"

AnyVocabulary = Vocabulary | T2TSubwordVocabulary


def load_vocabulary(folder: str | os.PathLike) -> AnyVocabulary:
    """The vocabulary of a data folder: its own, or the `vocab.subwords` that Tensor2Tensor's shards were made with.

    Raises:
        VocabularyError: there is none, or it is damaged.
    """
    subwords = pathlib.Path(folder) / SUBWORDS_FILE
    if subwords.exists() and not (subwords.with_name(JSON_FILE).exists() or subwords.with_name(MODEL_FILE).exists()):
        return T2TSubwordVocabulary.load(subwords)
    return Vocabulary.load(folder)
