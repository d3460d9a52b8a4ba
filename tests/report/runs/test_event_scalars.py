import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.report.runs.event_scalars import read_scalars


def write_session(folder, values, name):
    """Events of one session: (step, seconds since its start, value) of one scalar."""
    path = folder / "events" / f"events.out.tfevents.{name}"
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        start = 1e9 * name
        writer.write(tf.compat.v1.Event(wall_time=start, file_version="brain.Event:2").SerializeToString())
        for step, seconds, value in values:
            summary = tf.compat.v1.Summary()
            summary.value.add(tag="loss/a", tensor=tf.make_tensor_proto(np.float32(value)))
            event = tf.compat.v1.Event(wall_time=start + seconds, step=step, summary=summary)
            writer.write(event.SerializeToString())
    return path


def test_scalars_that_tensorflow_wrote_are_read(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path / "events")).as_default(step=7):
        tf.summary.scalar("loss/a", 1.5)
        tf.summary.scalar("zero", 0.0)
        tf.summary.histogram("load", [1.0, 2.0])
        tf.summary.text("words", "one")
        tf.summary.image("picture", np.zeros([1, 2, 2, 3], np.uint8))
    found = read_scalars(tmp_path)
    assert {tag: [(point.step, point.value) for point in points] for tag, points in found.items()} == {
        "loss/a": [(7, 1.5)], "zero": [(7, 0.0)],
    }  # fmt: skip


def test_time_goes_on_over_sessions_and_steps_trained_again_are_replaced(tmp_path):
    write_session(tmp_path, [(10, 5.0, 4.0), (20, 10.0, 3.0)], 1)
    write_session(tmp_path, [(15, 2.0, 3.5), (30, 8.0, 2.0)], 2)
    points = read_scalars(tmp_path)["loss/a"]
    assert [(point.step, point.seconds, point.value) for point in points] == [
        (10, 5.0, 4.0), (15, 12.0, 3.5), (30, 18.0, 2.0),
    ]  # fmt: skip


def test_a_cut_or_damaged_file_gives_what_is_whole(tmp_path):
    path = write_session(tmp_path, [(10, 5.0, 4.0), (20, 10.0, 3.0)], 1)
    path.write_bytes(path.read_bytes()[:-5])
    assert [point.step for point in read_scalars(tmp_path)["loss/a"]] == [10]
    path.write_bytes(b"no events at all, but long enough for a header")
    assert read_scalars(tmp_path) == {}


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: (folder / "events").mkdir()])
def test_a_run_without_events_has_no_scalars(tmp_path, make):
    make(tmp_path)
    assert read_scalars(tmp_path) == {}
