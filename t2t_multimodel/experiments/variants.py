"""The trainings that several tables share, so that a run is made once."""

from __future__ import annotations

from collections.abc import Sequence

from t2t_multimodel.experiments.declare import ROLES, Scale, Variant

JOINT = "all nine"
_GRADIENTS = 3


def joint(*, without: str = "", limited: tuple[str, int] | None = None) -> Variant:
    """One model for all tasks.

    Args:
        without: a role that is left out.
        limited: a role of which so many training examples are used.
    """
    roles = tuple(role for role in ROLES if role != without)
    whole = not without and limited is None
    name = JOINT + (f" without {without}" if without else "") + (f", {limited[1]} of {limited[0]}" if limited else "")
    return Variant(
        name=name,
        roles=roles,
        examples=(limited,) if limited else (),
        gradients=_GRADIENTS if whole else 0,
        metrics=whole,
    )


def alone(role: str, examples: int = 0) -> Variant:
    """One task, perhaps with fewer training examples."""
    name = f"{role} alone" + (f", {examples}" if examples else "")
    return Variant(name=name, roles=(role,), examples=((role, examples),) if examples else (), metrics=not examples)


def joint_and_alone(scale: Scale) -> list[Variant]:
    """The joint model and each task alone, at every scale."""
    del scale
    return [joint(), *map(alone, ROLES)]


def together(roles: Sequence[str], examples: int = 0) -> Variant:
    """A few tasks, perhaps with fewer training examples of the first."""
    name = " with ".join(roles) + (f", {examples} of {roles[0]}" if examples else "")
    limits = ((roles[0], examples),) if examples else ()
    return Variant(name=name, roles=tuple(sorted(roles, key=ROLES.index)), examples=limits)


def without_block(block: str, budget: str, hparams: str) -> Variant:
    """The joint model with a kind of block removed, and made as large as before by a budget."""
    return Variant(name=f"without {block}, equal {budget}", roles=ROLES, hparams=hparams)
