"""The optimizer that hparams ask for."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.training.optimizers.adam import Adam
from t2t_multimodel.training.optimizers.base import Optimizer
from t2t_multimodel.training.optimizers.muon import Muon, is_hidden_matrix
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
        make_optimizer(model.named_variables(trainable=True), hparams.optimizer)
    """
    if optimizer.name not in _KINDS:
        raise HParamsError(f"optimizer.name={optimizer.name!r} is unknown; give {' or '.join(_KINDS)}")
    return _KINDS[optimizer.name](variables, optimizer)


def moment_count(optimizer, name: str, variable: tf.Variable | keras.Variable) -> int:
    """How many moments of a variable's size the optimizer of `optimizer.name` keeps, its average counted.

    Args:
        optimizer: hparams group.
        name: of the variable.
        variable: with a shape.
    """
    averages = int(optimizer.ema_decay > 0)
    if optimizer.name == "sgd":
        return averages
    return averages + (1 if optimizer.name == "muon" and is_hidden_matrix(name, variable) else 2)
