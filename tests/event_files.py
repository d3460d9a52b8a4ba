"""What stands in TensorBoard's event files."""

import pathlib

import tensorflow as tf


def summaries_of(folder: pathlib.Path) -> dict[str, list]:
    """Values of all events of a folder by their tags, in their order."""
    found = {}
    for path in sorted(folder.glob("*.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(value)
    return found


def scalars(values) -> list[float]:
    """The numbers of scalar summaries."""
    return [float(tf.make_ndarray(value.tensor)) for value in values]
