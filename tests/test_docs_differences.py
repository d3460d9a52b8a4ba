"""docs/differences.md says what the registered sets say."""

import dataclasses
import pathlib
import re

from t2t_multimodel import registry

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "differences.md").read_text(encoding="utf-8")
OPTIMIZER_ROW = re.compile(
    r"^\| (?P<sets>`multimodel_.*?) \| (?P<muon>Muon; )?Adam (?P<beta1>[\d.]+) / (?P<beta2>[\d.]+) "
    r"\| (?P<schedule>\w+), (?P<rate>[\d.]+), (?P<warmup>\d+) \| (?P<clip>[\d.]+) \| (?P<tokens>\d+) \|$",
    re.M,
)


def documented(row: re.Match) -> tuple:
    numbers = (float(row[name]) for name in ("beta1", "beta2", "rate", "warmup", "clip", "tokens"))
    return ("muon" if row["muon"] else "adam", row["schedule"], *numbers)


def registered(name: str) -> tuple:
    hparams = registry.hparams(name)
    optimizer = hparams.optimizer
    return (
        optimizer.name,
        optimizer.schedule,
        optimizer.beta1,
        optimizer.beta2,
        optimizer.learning_rate,
        optimizer.warmup_steps,
        optimizer.clip_norm,
        hparams.batching.batch_tokens,
    )


def test_the_optimizer_table_has_every_set_as_it_is():
    table = {}
    for row in OPTIMIZER_ROW.finditer(PAGE):
        table |= dict.fromkeys(re.findall(r"`(\w+)`", row["sets"]), documented(row))
    assert table == {name: registered(name) for name in registry.hparams_names()}


def test_the_overrides_towards_the_code_of_2017_are_hparams():
    overrides = re.findall(r"`(\w+\.\w+=[\w.:]+)`", PAGE[PAGE.index("## Towards the code of 2017") :])
    assert len(overrides) >= 6
    registry.hparams("multimodel_base").override(",".join(overrides))


def test_every_hparam_of_the_page_exists():
    groups = "body|mixture|modalities|optimizer|batching|mixing|regularization"
    named = set(re.findall(rf"`((?:{groups})\.\w+)[`=]", PAGE))
    hparams = dataclasses.asdict(registry.hparams("multimodel_base"))
    assert len(named) > 15
    assert named <= {f"{group}.{name}" for group, values in hparams.items() for name in values}
