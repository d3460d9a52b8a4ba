"""What layers show while someone looks."""

import doctest

from t2t_multimodel import observe


def test_example():
    assert doctest.testmod(observe).failed == 0 and doctest.testmod(observe).attempted > 0


def test_nothing_is_kept_unless_someone_looks():
    observe.show("layer", "weights", 1)
    with observe.observing() as outer:
        with observe.observing() as inner:
            observe.show("layer", "weights", 2)
        observe.show("layer", "weights", 3)
    observe.show("layer", "weights", 4)
    assert (inner, outer) == ({"layer/weights": 2}, {"layer/weights": 3})
