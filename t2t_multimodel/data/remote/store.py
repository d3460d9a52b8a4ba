"""TensorFlow's file system for object stores, its plug-in, and what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator

from t2t_multimodel.errors import StorageError

_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
}
_PLACE = {"s3": "S3_ENDPOINT and AWS_REGION", "gs": "your project"}

_reached: set[str] = set()


def gfile(url: str):
    """`tf.io.gfile`, able to read the scheme of `url`; the first call for a bucket makes sure that it is there.

    Raises:
        StorageError: the plug-in cannot be loaded, or the bucket cannot be used.
    """
    import tensorflow as tf

    if _bucket(url) not in _reached:
        require_bucket(url)
    return tf.io.gfile


def require_bucket(url: str) -> None:
    """Asks the store for the bucket of `url`.

    The file system says "not found" as well where a store does not answer or refuses; so whoever is told that asks for
    the bucket before believing it.

    Raises:
        StorageError: there is no such bucket, it refuses the credentials, or the store does not answer.
    """
    import tensorflow as tf

    bucket = _bucket(url)
    _reached.discard(bucket)
    _load_plugin(url)
    try:
        tf.io.gfile.stat(f"{bucket}/")
    except tf.errors.UnimplementedError as error:
        raise StorageError(
            f"{url} needs tensorflow-io's file systems, which do not load on TensorFlow {tf.__version__}; use"
            " TensorFlow 2.17, or give a local path"
        ) from error
    except tf.errors.OpError as error:
        raise StorageError(_in_words(bucket, error)) from error
    _reached.add(bucket)


@contextlib.contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Within the block TensorFlow's errors become FileNotFoundError where an object is missing, else StorageError."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.NotFoundError as error:
        require_bucket(url)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url) from error
    except tf.errors.OpError as error:
        raise StorageError(_in_words(url, error)) from error


def _load_plugin(url: str) -> None:
    if not url.startswith("s3://"):  # gs:// is TensorFlow's own
        return
    try:
        import tensorflow_io  # noqa: F401
    except Exception as error:  # it raises several kinds
        raise StorageError(
            f"{url} needs tensorflow-io, which cannot be imported ({_first_line(error)}); install tensorflow-io on"
            " TensorFlow 2.17, or give a local path"
        ) from error


def _bucket(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _in_words(url: str, error) -> str:
    import tensorflow as tf

    scheme, reason = url.partition("://")[0], _first_line(error)
    if isinstance(error, tf.errors.NotFoundError):
        return f"there is no bucket {url}; make it, or check its name and {_PLACE[scheme]}"
    if isinstance(error, tf.errors.PermissionDeniedError | tf.errors.UnauthenticatedError):
        return f"{url} refuses access ({reason}); check {_CREDENTIALS[scheme]} and the rights to the bucket"
    return f"{url} cannot be reached ({reason}); check the network and {_PLACE[scheme]}, and run again"


def _first_line(error: BaseException) -> str:
    lines = str(getattr(error, "message", "") or error).strip().splitlines() or [""]
    text = re.sub(r"\{\{.*?\}\}|\[Op:\w+\]|No response body\.", "", lines[0])
    return text.strip(": ")[:200] or type(error).__name__
