"""Examples of tensorflow-datasets as NumPy values; TensorFlow is imported on use only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from t2t_multimodel.data.problem import Source
from t2t_multimodel.errors import SourceError


def tfds_examples(name: str, split: str, source: Source, *, encoded_image: bool = False) -> Iterator[dict[str, Any]]:
    """Examples of one split in the stored order.

    Args:
        name: the data set, e.g. ``"librispeech"``.
        split: its name there.
        source: the prepared data lie in its `source_dir`, else its `tmp_dir`, else the default of tensorflow-datasets.
        encoded_image: give the feature ``"image"`` as encoded bytes.

    Raises:
        SourceError: tensorflow-datasets is unusable, or the data set cannot be prepared.
    """
    try:
        import tensorflow_datasets as tfds

        as_numpy = tfds.as_numpy
    except (ImportError, AttributeError):
        raise SourceError("tensorflow-datasets is unusable; pip install tensorflow-metadata==1.17.3") from None
    folder = source.source_dir or source.tmp_dir
    decoders = {"image": tfds.decode.SkipDecoding()} if encoded_image else None
    try:
        dataset = tfds.load(
            name,
            split=split,
            data_dir=None if folder is None else str(folder),
            decoders=decoders,
            read_config=tfds.ReadConfig(interleave_cycle_length=1),
            shuffle_files=False,
        )
    except Exception as error:  # downloads, checksums, versions: tfds has no common type of error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"tensorflow-datasets cannot prepare {name} ({reason}); give official files by --source_dir instead"
        ) from None
    yield from as_numpy(dataset)
