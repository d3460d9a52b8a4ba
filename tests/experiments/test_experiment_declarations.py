"""What tables declare: runs that are told apart by what changes them, shared where they are equal."""

import dataclasses

import pytest

from t2t_multimodel import registry
from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments.declare import BUDGETS, ROLES, make_run
from t2t_multimodel.experiments.plan import joint_size
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.scales import SCALES, find_scale
from t2t_multimodel.experiments.tables import TABLES, find_tables
from t2t_multimodel.experiments.variants import JOINT, alone, joint, together


def all_runs(scale, seeds=(1, 2, 3)):
    return [run for table in TABLES.values() for run in table.runs(scale, seeds)]


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_declarations_name_what_exists(scale):
    assert sorted(scale.tasks) == sorted(ROLES)
    assert set(scale.problems()) <= set(registry.expand_problems(scale.suite))
    for run in {run.hparams: run for run in all_runs(scale)}.values():
        registry.hparams(run.hparams_set).override(run.hparams).check()
    for sizes in scale.sizes.values():
        assert len(sizes) == 5 and list(sizes) == sorted(sizes)
    assert scale.about


def test_names_tell_runs_apart_and_equal_runs_are_one():
    scale = SCALES["mini"]
    by_name = {}
    for run in all_runs(scale):
        assert by_name.setdefault(run.name, run).declaration == run.declaration
    one, two, three = (TABLES[name].runs(scale, [1]) for name in "123")
    assert {run.name for run in one} == {run.name for run in two}  # the joint run and the nine alone serve both
    assert {run.name for run in two} & {run.name for run in three}


def test_what_changes_a_result_changes_the_fingerprint():
    scale = SCALES["mini"]
    run = make_run(scale, joint(), 1)
    assert run == make_run(scale, joint(), 1)
    longer = make_run(dataclasses.replace(scale, steps=scale.steps + 1), joint(), 1)
    wider = make_run(dataclasses.replace(scale, hparams="body.depth=8"), joint(), 1)
    others = [longer, wider, make_run(scale, joint(), 2), make_run(scale, joint(without="speech"), 1)]
    assert len({run.fingerprint, *(other.fingerprint for other in others)}) == 5
    renamed = make_run(dataclasses.replace(scale, name="other"), dataclasses.replace(joint(), name="other"), 1)
    assert renamed.fingerprint == run.fingerprint


def test_tasks_of_a_run_take_turns_for_the_steps_of_each():
    scale = SCALES["mini"]
    run = make_run(scale, together(("parsing", "images"), 250), 3)
    assert run.steps == 2 * scale.steps and "mixing.scheme=distributed" in run.hparams
    assert "batching.examples=mini_parsing:250" in run.hparams and run.seed == 3
    single = make_run(scale, alone("speech"), 1)
    assert single.steps == scale.steps and "distributed" not in single.hparams


def test_fewer_seeds_where_a_scale_says_so():
    scale = dataclasses.replace(SCALES["mini"], seeds={"2": 1})
    assert {run.seed for run in TABLES["2"].runs(scale, (1, 2, 3))} == {1}
    assert {run.seed for run in TABLES["3"].runs(scale, (1, 2, 3))} == {1, 2, 3}


def test_unknown_names_list_the_known():
    with pytest.raises(ExperimentError, match="affinity"):
        find_tables("5")
    with pytest.raises(ExperimentError, match="mini, small, paper"):
        find_scale("huge")
    assert [table.name for table in find_tables("2,law")] == ["2", "law"]


def test_readings_take_the_lowest_loss_and_pair_the_seeds():
    from tests.experiments.made_up import BASELINE, result_of

    scale = SCALES["mini"]
    runs = [make_run(scale, variant, seed) for variant in (joint(), alone("speech")) for seed in (1, 2)]
    runs.append(make_run(scale, joint(), 3))
    readings = Readings(scale, [result_of(run, scale) for run in runs], (1, 2, 3))
    readings.add([joint(), alone("speech")])
    assert readings.loss(JOINT, "speech") == pytest.approx({1: 1.61, 2: 1.62, 3: 1.63})
    assert readings.relative_loss(JOINT, "images")[1] == pytest.approx(2.05 / BASELINE)
    assert readings.accuracy(JOINT, "images")[1] == 0.5
    assert readings.difference(JOINT, "speech alone", ["speech"]) == pytest.approx({1: -0.1, 2: -0.1})
    assert readings.difference(JOINT, {"images": "images alone"}, ["images"]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["mini", "small"])
def test_models_without_a_block_are_as_large_as_the_whole(scale):
    scale = SCALES[scale]
    whole = joint_size(scale)
    assert len(scale.removed) == 6
    for (block, budget), overrides in scale.removed.items():
        size = joint_size(scale, overrides)[BUDGETS.index(budget)]
        assert size / whole[BUDGETS.index(budget)] == pytest.approx(1, abs=0.04), (block, budget)
