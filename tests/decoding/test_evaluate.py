"""Evaluation by decoding, through the command and on prepared outputs."""

import json
import shutil

import pytest

from t2t_multimodel import load, registry
from t2t_multimodel.data.metadata import Metadata
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.problem_decoder import ProblemDecoder
from t2t_multimodel.decoding.search import Hypothesis, ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_split, score_decoded
from t2t_multimodel.errors import CheckpointError, DataError, UnknownNameError
from t2t_multimodel.runs.load import load_run
from t2t_multimodel.runs.metrics_log import format_table, read_records
from t2t_multimodel.runs.task import Task
from t2t_multimodel.text.bracket_files import parse_tree

PROBLEMS = ("mini_image_class", "mini_parsing", "mini_speech")


class Oracle:
    """Stands in for the search: puts out the targets that the records hold, cut by `cut` ids at the end."""

    def __init__(self, name, cut=0):
        self.task, self.hparams, self.cut = Task(registry.problem(name), 0), DecodeHParams(batch_size=5), cut

    def __call__(self, records):
        key = self.task.problem.inputs.target_feature
        targets = [decode_features(record)[key].tolist() for record in records]
        return [[Hypothesis(ids[: len(ids) - self.cut], 0.0)] for ids in targets]


def decode(folder, name, *, cut=0, limit=None):
    search = Oracle(name, cut)
    index = RecordIndex.load_or_build(folder, name, "dev")
    decoded = decode_split(search, Vocabulary.load(folder), index, limit=limit)
    return decoded, score_decoded(search.task.problem.metrics, decoded)


def evaluate(run, problems, *, checkpoint=None, **arguments):
    """As t2t-eval does: the records are kept in the run."""
    return load(run, checkpoint=checkpoint).evaluate(problems, log_dir=run, **arguments)


def copy_run(run, folder):
    """A run without its records, so that its own stay as they are."""
    for file in run.iterdir():
        if file.is_file() and file.name != "metrics.jsonl":
            shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def run(mini_run, tmp_path_factory):
    return copy_run(mini_run, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def records(mini_data, run):
    return evaluate(
        run,
        PROBLEMS,
        data_dir=mini_data,
        split="test",
        decode_examples=3,
        decode_hparams=DecodeHParams(batch_size=2, extra_length=4),
    )


@pytest.mark.parametrize(
    ("name", "perfect"),
    [
        ("mini_parsing", {"bracket_f1": 1, "bracket_complete_match": 1, "malformed_outputs": 0}),
        ("mini_speech", {"wer": 0, "cer": 0}),
        ("mini_translate_ende", {"bleu": pytest.approx(100)}),
        ("mini_caption", {"cider": pytest.approx(10)}),
    ],
)
def test_the_targets_themselves_score_perfectly(mini_data, name, perfect):
    decoded, scores = decode(mini_data, name)
    assert scores["decoded_examples"] == len(decoded) == 24
    assert [one.row for one in decoded] == list(range(24))
    assert {key: scores[key] for key in perfect} == perfect
    assert all(one.references == [one.output] for one in decoded)


def test_parses_are_presented_with_words_and_repairs_are_counted(mini_data):
    decoded, scores = decode(mini_data, "mini_parsing", cut=7, limit=7)
    assert scores["decoded_examples"] == scores["malformed_outputs"] == len(decoded) == 7
    assert 0 < scores["bracket_f1"] < 1 and scores["bracket_malformed"] == 0
    assert all(one.references[0].startswith("(S (") for one in decoded)


@pytest.fixture(scope="module")
def caption_data(tmp_path_factory, mini_data):
    """Five pictures, of three, one, two, one and three captions."""
    from t2t_multimodel.data.problem import Source
    from t2t_multimodel.data.records.example_proto import serialize
    from t2t_multimodel.data.records.features import encode_example
    from t2t_multimodel.data.records.tfrecord import frame, shard_name

    folder = tmp_path_factory.mktemp("captions")
    vocabulary = Vocabulary.load(mini_data)
    vocabulary.save(folder)
    problem = registry.problem("mini_caption")
    pictures = problem.examples("dev", Source(options={**problem.options, "dev_examples": 5}))
    payloads = []
    for image_id, (picture, count) in enumerate(zip(pictures, (3, 1, 2, 1, 3))):
        for number in range(count):
            example = {**picture, "targets": f"{picture['targets']} {number}", "meta/image_id": image_id}
            payloads.append(serialize(encode_example(problem, example, vocabulary)))
    (folder / shard_name("mini_caption", "dev", 0, 1)).write_bytes(b"".join(frame(payloads)))
    return folder


def test_captions_of_one_picture_are_its_references(caption_data):
    decoded, scores = decode(caption_data, "mini_caption")
    assert [len(one.references) for one in decoded] == [3, 1, 2, 1, 3]
    assert [one.row for one in decoded] == [0, 3, 4, 6, 7]
    assert [text[-2:] for text in decoded[0].references] == [" 0", " 1", " 2"]
    assert scores["decoded_examples"] == 5 and 0 < scores["cider"] < 10
    some, _ = decode(caption_data, "mini_caption", limit=3)
    assert [one.references for one in some] == [one.references for one in decoded[:3]]


def test_records_hold_teacher_forced_scores_and_metrics(records, run):
    by_problem = {record["problem"]: record for record in records}
    assert tuple(by_problem) == PROBLEMS
    for record in records:
        assert (record["step"], record["split"], record["examples"]) == (12, "test", 8)
        assert record["loss"] > 0 and record["baseline_loss"] > 0
    assert "top5" in by_problem["mini_image_class"] and "decoded_examples" not in by_problem["mini_image_class"]
    assert 0 <= by_problem["mini_parsing"]["bracket_f1"] <= 1
    assert by_problem["mini_parsing"]["decoded_examples"] == 3
    assert by_problem["mini_speech"]["wer"] > 0 and by_problem["mini_speech"]["cer"] > 0
    for record in records:
        found = {name for name in record if name.endswith("_interval")}
        own = {"mini_image_class": {"top1", "top5"}, "mini_parsing": {"bracket_f1"}, "mini_speech": {"wer", "cer"}}
        assert found == {f"{name}_interval" for name in ("sequence_accuracy", *own[record["problem"]])}
        for name in found:
            assert record[name][0] <= record[name.removesuffix("_interval")] <= record[name][1]
    assert read_records(run) == json.loads(json.dumps(records))


def test_the_table_shows_metrics_where_there_are_any(records):
    lines = format_table(records).splitlines()
    assert lines[0].endswith("metrics")
    assert "bracket_f1 " in lines[3] and "wer " in lines[4] and "cer " in lines[4]
    plain = {name: value for name, value in records[0].items() if name != "bracket_f1"}
    assert "metrics" not in format_table([plain])


def test_without_decoding_scores_are_the_same_less_the_metrics(records, mini_data, mini_run, tmp_path):
    copy_run(mini_run, tmp_path)
    (record,) = evaluate(tmp_path, ["mini_parsing"], data_dir=mini_data, split="test", decode=False)
    decoded = records[1]
    assert not {"bracket_f1", "decoded_examples"} & record.keys()
    intervals = [name for name in record if name.endswith("_interval")]
    assert intervals == ["sequence_accuracy_interval"]
    assert record.pop(*intervals) == decoded["sequence_accuracy_interval"]
    assert record == pytest.approx({name: decoded[name] for name in record})
    assert [read.keys() - {*intervals} for read in read_records(tmp_path)] == [record.keys()]
    (plain,) = load(tmp_path).evaluate("mini_parsing", data_dir=mini_data, split="test", decode=False, resamples=0)
    assert plain.keys() == record.keys()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"split": "valid"}, DataError, "valid"),
        ({"problems": "mini_translate_ende"}, CheckpointError, "cannot serve mini_translate_ende"),
        ({"problems": "mini_parsin"}, UnknownNameError, "mini_parsing"),
        ({"checkpoint": "nowhere/ckpt-1"}, CheckpointError, "nowhere/ckpt-1"),
        ({"run": "nowhere"}, CheckpointError, "no trained model"),
        ({"data_dir": "nowhere"}, DataError, "not a folder"),
    ],
)
def test_what_does_not_fit_is_an_error_of_one_line(change, error, message, mini_data, mini_run):
    with pytest.raises(error, match=message):
        evaluate(**{"run": mini_run, "problems": "mini_parsing", "data_dir": mini_data, **change})


def test_a_problem_without_the_split_is_left_out(mini_data, mini_run, tmp_path, capsys):
    data, run = tmp_path / "data", tmp_path / "run"
    run.mkdir()
    copy_run(mini_run, run)
    shutil.copytree(mini_data, data)
    metadata = Metadata.load(data, "mini_speech")
    metadata.splits["test"].examples = 0
    metadata.save(data)
    for path in data.glob("mini_speech-test-*"):
        path.unlink()
    arguments = {"data_dir": data, "split": "test", "decode": False, "eval_steps": 1}
    with pytest.raises(DataError, match="no problem has a test split"):
        evaluate(run, "mini_speech", **arguments)
    (record,) = evaluate(run, "mini_speech,mini_image_class", **arguments)
    assert record["problem"] == "mini_image_class" and "mini_speech has no test split" in capsys.readouterr().err


def test_the_decoder_puts_out_what_is_evaluated(mini_data, mini_run):
    hparams = DecodeHParams(batch_size=4, extra_length=4)
    trained = load_run(mini_run, problems=["mini_parsing"])
    index = RecordIndex.load_or_build(mini_data, "mini_parsing", "test")
    search = ProblemSearch(trained.model, trained.tasks[0], hparams, trained.vocabulary)
    evaluated = decode_split(search, trained.vocabulary, index)
    sentences = [" ".join(parse_tree(one.references[0]).words()) for one in evaluated]
    decoder = ProblemDecoder(trained, "mini_parsing", hparams)
    lines = [*sentences[:3], "", *sentences[3:]]
    results = list(decoder.decode(lines))
    assert "empty" in results.pop(3).error
    assert [result.error for result in results] == [None] * 8
    assert [parse_tree(result.text).words() for result in results] == [sentence.split() for sentence in sentences]
    assert [result.text for result in results] == [one.output for one in evaluated]
