"""Variables that a training leaves as they are."""

from __future__ import annotations

from t2t_multimodel.errors import HParamsError
from t2t_multimodel.hparams.patterns import matching
from t2t_multimodel.model import MultiModel

_HPARAM = "optimizer.freeze"


def freeze(model: MultiModel, patterns: str) -> None:
    """Takes variables out of the model's trainable ones: they get neither gradients nor an optimizer's state.

    Args:
        model: before its optimizer is made.
        patterns: of names, joined by ``|``.

    Raises:
        HParamsError: a pattern matches nothing, or all variables are frozen.

    Example:
        freeze(model, "encoder/*|mixer/*")
    """
    variables = model.trainable_variables
    wanted = [pattern for pattern in patterns.split("|") if pattern]
    frozen = matching(wanted, [variable.path for variable in variables], _HPARAM)
    for variable in variables:
        if variable.path in frozen:
            variable.trainable = False
    if not model.trainable_variables:
        raise HParamsError(f"{_HPARAM}={patterns} freezes all variables; give patterns of some of them")
