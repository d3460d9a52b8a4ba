"""The optimizer that hparams ask for."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.optimizers.muon import Muon
from t2t_multimodel.training.optimizers.sgd import SGD

_KINDS = {"adam": Adam, "muon": Muon, "sgd": SGD}


def make_optimizer(variables: Mapping[str, tf.Variable], optimizer) -> Optimizer:
    """The optimizer of `optimizer.name`.

    Args:
        variables: trainable variables by name.
        optimizer: hparams group.

    Raises:
        HParamsError: the name is unknown.

    Example:
        make_optimizer({v.path: v.value for v in model.trainable_variables}, hparams.optimizer)
    """
    if optimizer.name not in _KINDS:
        raise HParamsError(f"optimizer.name={optimizer.name!r} is unknown; give {' or '.join(_KINDS)}")
    return _KINDS[optimizer.name](variables, optimizer)
