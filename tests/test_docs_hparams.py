"""docs/hparams.md is what the dataclasses and the registered sets say."""

import dataclasses

import pytest

from t2t_multimodel import registry
from t2t_multimodel.hparams.base import HParams
from tests import hparams_page


def test_the_page_is_that_of_the_sources():
    page = hparams_page.PAGE.read_text(encoding="utf-8")
    assert page.partition(hparams_page.MARK)[2].strip() == hparams_page.listing().strip(), (
        "run: python tests/hparams_page.py"
    )


@pytest.mark.parametrize("group", dataclasses.fields(HParams), ids=lambda field: field.name)
def test_a_group_documents_each_of_its_hparams_once(group):
    documented = [name for names in hparams_page.attributes(type(group.default)) for name in names]
    assert documented == [field.name for field in dataclasses.fields(group.default)]


def test_every_registered_set_is_on_the_page():
    assert sorted(hparams_page.set_names()) == sorted(registry.hparams_names())


def test_values_are_written_as_an_override_takes_them():
    hparams = registry.hparams("multimodel_mini_plus")
    text = ",".join(
        f"{group}.{name}={hparams_page.shown(value)}"
        for group, values in dataclasses.asdict(hparams).items()
        for name, value in values.items()
    )
    assert HParams().override(text) == hparams
