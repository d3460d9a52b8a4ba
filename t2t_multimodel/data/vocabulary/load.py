"""Loads the vocabulary of a data folder, of either kind."""

from __future__ import annotations

import os

from t2t_multimodel.data import storage
from t2t_multimodel.data.vocabulary.t2t_subwords import T2TSubwordVocabulary
from t2t_multimodel.data.vocabulary.vocabulary import JSON_FILE, MODEL_FILE, Vocabulary

SUBWORDS_FILE = "vocab.subwords"

AnyVocabulary = Vocabulary | T2TSubwordVocabulary


def load_vocabulary(folder: str | os.PathLike) -> AnyVocabulary:
    """Loads the vocabulary of a data folder: `vocab.model` and `vocab.json`, or Tensor2Tensor's `vocab.subwords`.

    Raises:
        VocabularyError: there is none, or it is damaged.

    Example:
        ```python
        from t2t_multimodel.data.vocabulary.load import load_vocabulary

        load_vocabulary("data/mini").encode("a red circle")
        ```
    """
    subwords = storage.at(folder) / SUBWORDS_FILE
    if subwords.exists() and not (subwords.with_name(JSON_FILE).exists() or subwords.with_name(MODEL_FILE).exists()):
        return T2TSubwordVocabulary.load(subwords)
    return Vocabulary.load(folder)
