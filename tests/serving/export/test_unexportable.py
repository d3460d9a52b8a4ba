"""What a user's problem or modality lacks for an export is named, with the cure."""

import dataclasses

import pytest
import tensorflow as tf

from t2t_multimodel.data.output_constraint import OutputConstraint
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.spec import InputSpec, TargetSpec
from t2t_multimodel.errors import ExportError
from t2t_multimodel.modalities import SymbolSpec


class Prepared(Problem):
    name, inputs, targets = "prepared", SymbolSpec(), SymbolSpec()

    def prepare_input(self, value):
        return value.lower()


class PreparedInGraph(Prepared):
    def prepare_in_graph(self, raw):
        return {"text": tf.strings.lower(raw["text"])}


@dataclasses.dataclass(frozen=True)
class OddInput(InputSpec):
    modality = "odd"


@dataclasses.dataclass(frozen=True)
class OddTarget(TargetSpec):
    modality = "odd"


def test_each_is_named():
    raw = {"text": tf.constant(["A"])}
    with pytest.raises(ExportError, match=r"problem prepared .* write its prepare_in_graph, too"):
        Prepared().prepare_in_graph(raw)
    with pytest.raises(ExportError, match=r"modality odd .* give its spec raw_signature"):
        OddInput().raw_signature()
    with pytest.raises(ExportError, match=r"modality odd .* give its spec text_in_graph"):
        OddTarget().text_in_graph(tf.zeros([1, 1], tf.int32), None, ())
    with pytest.raises(ExportError, match=r"OutputConstraint .* or export with constrained=false"):
        OutputConstraint().features_in_graph(raw)


def test_a_problem_may_say_it_in_the_graph():
    assert PreparedInGraph().prepare_in_graph({"text": tf.constant(["A"])})["text"].numpy().tolist() == [b"a"]


def test_the_longest_output_is_known_where_it_does_not_grow_with_the_input():
    assert OddInput().longest_output(7) == 7 and SymbolSpec().longest_output(7) is None
