"""The report of a small trained run: what is read from the model, and the files that an evaluation writes."""

import json

import numpy as np
import pytest
import tensorflow as tf

import t2t_multimodel
from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_split
from t2t_multimodel.model import MultiModel
from t2t_multimodel.observe import observing
from t2t_multimodel.report.attention import read_attention
from t2t_multimodel.report.collect import collect
from t2t_multimodel.report.expert_loads import expert_loads
from t2t_multimodel.runs.load import load_run

METRICS = ["bracket_f1"]
PROBLEMS = ["mini_image_class", "mini_parsing", "mini_speech"]
HPARAMS = DecodeHParams(batch_size=4, extra_length=3)


@pytest.fixture(scope="module")
def run(mini_run):
    return load_run(mini_run)


@pytest.fixture(scope="module")
def parsing(run, mini_data):
    """Task, index and decoded inputs of the parsing problem."""
    (task,) = run.manifest.tasks(["mini_parsing"])
    index = RecordIndex.load_or_build(mini_data, "mini_parsing", "test", sides=task.problem.record_sides)
    return task, index, decode_split(ProblemSearch(run.model, task, HPARAMS), run.vocabulary, index)


@pytest.fixture(scope="module")
def report_dir(mini_run, mini_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "made"
    records = t2t_multimodel.load(mini_run).evaluate(
        PROBLEMS,
        data_dir=mini_data,
        split="test",
        decode_examples=5,
        decode_hparams=HPARAMS,
        extra_metrics=["chrf"],
        report=folder,
        report_examples=2,
    )
    (folder / "records.json").write_text(json.dumps(records))
    return folder


def test_the_files_hold_all_problems(report_dir):
    found = json.loads((report_dir / "report.json").read_text())
    assert [one["record"] for one in found["problems"]] == json.loads((report_dir / "records.json").read_text())
    classes, trees, speech = found["problems"]
    assert "chrf_interval" in trees["record"] and "chrf" not in classes["record"]
    assert [one["ranked_by"] for one in found["problems"]] == ["top1", "bracket_f1", "wer"]
    assert sum(count for *_, count in classes["confusion"]["wanted_predicted_count"]) == 5
    assert all(len(one[kind]) == 2 for one in found["problems"] for kind in ("best", "worst"))
    assert list(classes["expert_loads"]) == ["encoder"] and list(trees["expert_loads"]) == ["encoder", "decoder"]
    assert speech["best"][0]["attention"]["sources"] is None and "attention" not in classes["best"][0]
    text = (report_dir / "report.txt").read_text()
    assert all(f"\n{name}\n" in text for name in PROBLEMS) and "experts of the decoder: " in text


def test_the_page_shows_pictures_sound_trees_attention_and_experts(report_dir):
    text = (report_dir / "page.html").read_text()
    assert text.count("<audio") == 4 and text.count("data:image/png") == 8
    assert text.count("Attention of the output") == 8
    # Two mixtures, the classes' confusions, of four parses output and reference, and attention of eight outputs.
    assert text.count("<svg") == 2 + 1 + 8 + 8
    assert "https:" not in text and text.count("http:") == text.count("http://www.w3.org/2000/svg")


def test_attention_is_of_each_output_id_over_the_whole_source(run, parsing):
    task, index, decoded = parsing
    report = collect(run, task, {}, index, decoded, METRICS, examples=2)
    for shown in (*report.best, *report.worst):
        found, (one,) = shown.attention, [one for one in decoded if one.row == shown.row]
        assert found.weights.shape == (len(one.ids), len(found.sources)) and found.grid is None
        np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-5)
        assert found.outputs == [run.vocabulary.piece(i) for i in one.ids]
        assert "".join(found.sources[:-1]).replace("▁", " ").strip() == shown.inputs.text


def test_best_and_worst_are_told_by_the_score_of_each_example(run, parsing):
    task, index, decoded = parsing
    changed = [*decoded]
    for at in (1, 6):
        changed[at].output = changed[at].references[0]
    report = collect(run, task, {}, index, changed, METRICS, examples=2)
    assert {shown.row for shown in report.best} == {1, 6} and [shown.score for shown in report.best] == [1, 1]
    assert {shown.row for shown in report.worst}.isdisjoint({1, 6}) and report.worst[0].score <= report.worst[1].score
    few = collect(run, task, {}, index, changed[:3], METRICS, examples=3)
    assert len(few.best) == 2 and len(few.worst) == 1
    assert {shown.row for shown in (*few.best, *few.worst)} == {0, 1, 2}
    by_model = collect(run, task, {}, index, decoded, examples=1)
    assert by_model.ranked_by == "log_probability" and by_model.best[0].score == max(one.score for one in decoded)
    none = collect(run, task, {}, index, [])
    assert (none.ranked_by, none.best, none.worst) == (None, (), ()) and none.loads


def test_loads_are_shares_of_the_real_tokens(run, parsing):
    task, index, _ = parsing
    found = expert_loads(run.model, task, index, range(8))
    parse, wanted = RecordParser(task.problem, run.model.hparams.modalities), {"encoder": 0.0, "decoder": 0.0}
    for row in range(8):  # one by one there is no padding
        batch = parse(tf.constant(index.read([row])))
        encoded = run.model.encode(task.problem.inputs, batch)
        decoder = run.model.decode(task.problem.targets, encoded, batch["targets"], tf.constant(task.command))
        wanted["encoder"] += encoded.load.numpy()
        wanted["decoder"] += decoder[2].numpy()
    assert list(found) == list(wanted)
    for name, load in found.items():
        np.testing.assert_allclose(load, wanted[name] / wanted[name].sum(), atol=1e-6)
        assert load.sum() == pytest.approx(1) and load.shape == (3,)


def test_classes_are_decoded_with_their_names(run, mini_data):
    (task,) = run.manifest.tasks(["mini_image_class"])
    index = RecordIndex.load_or_build(mini_data, task.name, "test", sides=task.problem.record_sides)
    names = run.label_names[task.name]
    decoded = decode_split(ProblemSearch(run.model, task, HPARAMS), run.vocabulary, index, label_names=names)
    assert all(one.output == names[one.ids[0]] and one.references == [names[one.targets[0][0]]] for one in decoded)
    report = collect(run, task, {}, index, decoded)
    assert report.confusion.sum() == len(decoded) == 8
    assert np.trace(report.confusion) == sum(one.output == one.references[0] for one in decoded)


@pytest.mark.parametrize("form", ["paper", "plus"])
def test_attention_is_the_mean_over_all_layers_of_both_bodies(form, run, parsing, tiny_hparams):
    task, index, decoded = parsing
    hparams = tiny_hparams.override(f"body.form={form}")
    specs = [task.problem.inputs, task.problem.targets]
    model = MultiModel(hparams, vocab_size=run.vocabulary.size, specs=specs)
    features = RecordParser(task.problem, hparams.modalities)(tf.constant(index.read([decoded[0].row])))
    ids = decoded[0].targets[0]
    found = read_attention(model, task, features, ids, run.vocabulary)
    with observing() as seen:
        encoded = model.encode(task.problem.inputs, features)
        model.decode(task.problem.targets, encoded, tf.constant([ids]), tf.constant(task.command))
    own = {path: value for path, value in seen.items() if "source_attention" in path}
    # The paper's mixer has one attention block.
    assert len(own) == hparams.body.decoder_blocks + (hparams.body.mixer_blocks if form == "plus" else 1)
    np.testing.assert_allclose(found.weights, np.mean([value[0] for value in own.values()], axis=(0, 1)), atol=1e-6)
    assert found.weights.std(axis=0).max() > 1e-4
    assert read_attention(model, task, features, [], run.vocabulary) is None
