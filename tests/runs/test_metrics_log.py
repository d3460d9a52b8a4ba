from t2t_multimodel.runs.metrics_log import (
    append_records,
    forget_records_after,
    format_table,
    is_of_training,
    read_records,
)


def record(step):
    return {"step": step, "problem": "a", "loss": 1.5}


def test_a_line_cut_by_a_crash_is_left_out(tmp_path):
    assert read_records(tmp_path) == []
    append_records(tmp_path, [record(1), record(2)])
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 3, "prob')
    assert read_records(tmp_path) == [record(1), record(2)]


def test_records_of_later_steps_are_forgotten(tmp_path):
    append_records(tmp_path, [record(1), record(2), record(3)])
    forget_records_after(tmp_path, 2)
    assert read_records(tmp_path) == [record(1), record(2)]


def test_a_table_without_records_is_one_line():
    assert format_table([]).startswith("nothing was evaluated") and "\n" not in format_table([])


def test_records_of_a_training_are_told_from_those_of_t2t_eval():
    found = [{**record(1), "split": "dev"}, {**record(1), "split": "test"}]
    found.append({**record(1), "split": "dev", "weights": "ema"})
    assert [is_of_training(one) for one in found] == [True, False, False]
