"""The project's exception types: every message names a cause and a cure in one line."""


class MultiModelError(Exception):
    """Base of all errors a user can cause; commands print it as one line and exit with status 1."""


class UnknownNameError(MultiModelError):
    """A name (problem, suite, hparams set, hparam) is not registered."""


class HParamsError(MultiModelError):
    """An hparams override cannot be parsed or has a wrong type or value."""


class PathError(MultiModelError):
    """A path that the user gave cannot be read or written."""


class StorageError(MultiModelError):
    """An object store (``gs://``, ``s3://``) cannot be reached, refuses, or has no such bucket."""


class UserModuleError(MultiModelError):
    """A module of ``--t2t_usr_dir`` cannot be imported."""


class SourceError(MultiModelError):
    """A raw corpus is missing or not in the expected layout."""


class BadExampleError(MultiModelError):
    """One raw example cannot be read; it is dropped and counted, or fatal under --strict."""


class DataError(MultiModelError):
    """Generated data (shards, index, metadata) is missing, damaged or does not fit."""


class VocabularyError(MultiModelError):
    """A vocabulary is missing, damaged, or differs from the one a model or data set needs."""


class CheckpointError(MultiModelError):
    """A checkpoint is missing or does not fit the model, problems or hparams asked for."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint's files are damaged, or its weights are not finite: an older one may do."""


class TrainingError(MultiModelError):
    """A training cannot go on: its values are not finite, or another trainer owns its folder."""


class DecodeError(MultiModelError):
    """An input given to the decoder cannot be read."""


class InputLimitError(DecodeError):
    """An input is larger than the limits that it is held to."""


class RequestError(MultiModelError):
    """A request to the server cannot be served.

    Args:
        message: cause and cure.
        status: of the HTTP answer.
    """

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.status = status


class ExportError(MultiModelError):
    """A trained model, or a part of it, cannot be exported."""


class ExperimentError(MultiModelError):
    """An experiment's tables, runs or results are not there or do not fit."""
