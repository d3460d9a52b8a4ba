"""One problem of a trained model as a function from raw inputs to outputs, all of it in one graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.in_graph import GraphVocabulary
from t2t_multimodel.decoding.classify import MAX_CLASSES
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.steps import NO_OUTPUT, Found
from t2t_multimodel.errors import ExportError
from t2t_multimodel.runs.load import LoadedRun
from t2t_multimodel.serving.export.searches import make_search_of_any_length

# In the place of an output that a beam did not find.
NO_SCORE = -1e9


class ExportedProblem:
    """A problem of a run as it stands in a SavedModel.

    Args:
        run: a loaded run.
        name: a problem that it was trained on.
        hparams: how to search.
        vocabulary: the run's, or None where no problem has text.
        max_input_length: longest text in ids, the end included.

    Raises:
        ExportError: the problem, its modalities or the way of searching have no form in a graph.
    """

    def __init__(
        self,
        run: LoadedRun,
        name: str,
        hparams: DecodeHParams,
        vocabulary: GraphVocabulary | None,
        max_input_length: int,
    ):
        if hparams.samples:
            raise ExportError("sampling_method=random has no form in a SavedModel; export with argmax, or a beam")
        if hparams.compile != "none":
            raise ExportError(
                "compile=xla compiles for one shape, and a SavedModel takes all; export with compile=none"
            )
        (task,) = run.manifest.tasks([name])
        self.problem: Problem = task.problem
        self._vocabulary, self._hparams = vocabulary, hparams
        self._modalities = run.manifest.hparams.modalities
        self._names: Sequence[str] = run.label_names.get(name) or ()
        self._signature = self.problem.inputs.raw_signature()
        search = ProblemSearch(run.model, task, hparams, run.vocabulary)
        if self.problem.targets.autoregressive:
            self._find = make_search_of_any_length(search, max_input_length)
        else:
            self._classify = search.traced_classifier()

    def function(self) -> Any:
        """The concrete function of raw inputs: tensors by the names of the input's `raw_signature`.

        It gives ``text`` string `[batch, n]` and ``score`` float32 `[batch, n]`, best first; for classes
        ``probability`` in the place of ``score``.
        """
        answer = self._outputs if self.problem.targets.autoregressive else self._classes
        traced = tf.function(lambda **raw: answer(self.problem.prepare_in_graph(raw)), autograph=False)
        return traced.get_concrete_function(**self._signature)

    def describe(self) -> dict[str, Any]:
        """Names, types, shapes and meanings of inputs and outputs, as JSON values."""
        meaning = self.problem.inputs.raw_meaning(self._modalities)
        inputs = {name: _described(spec, meaning.get(name, "")) for name, spec in self._signature.items()}
        autoregressive = self.problem.targets.autoregressive
        return {
            "inputs": inputs,
            "outputs": self._sequences_described() if autoregressive else self._classes_described(),
        }

    def _sequences_described(self) -> dict[str, Any]:
        shape = [None, self._hparams.beam_size if self._hparams.return_beams else 1]
        text = "outputs, best first; empty where there are fewer"
        if type(self.problem).present_output is not Problem.present_output:
            text += ". They are the vocabulary's tokens: the problem's present_output is not part of the model"
        score = f"sums of log-probabilities of the outputs' ids, in nats; {NO_SCORE:g} where there is no output"
        return {
            "text": _described(tf.TensorSpec(shape, tf.string), text),
            "score": _described(tf.TensorSpec(shape, tf.float32), score),
        }

    def _classes_described(self) -> dict[str, Any]:
        shape = [None, min(MAX_CLASSES, self.problem.targets.num_ids(0))]
        return {
            "text": _described(tf.TensorSpec(shape, tf.string), "names of the most probable classes, best first"),
            "probability": _described(tf.TensorSpec(shape, tf.float32), "of each class"),
        }

    def _batch(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        stored = self.problem.inputs.raw_to_stored(raw, self._modalities, self._vocabulary)
        return self.problem.inputs.parse_input(stored, self._modalities)

    def _outputs(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found: Found = self._find(self._batch(raw), raw)
        if not self._hparams.return_beams:
            found = Found(*(value[:, :1] for value in found))
        first = tf.equal(tf.range(tf.shape(found.penalized)[1]), 0)
        there = first | (found.penalized > NO_OUTPUT)
        text = self.problem.targets.text_in_graph(found.ids, self._vocabulary, self._names)
        return {"text": tf.where(there, text, ""), "score": tf.where(there, found.scores, NO_SCORE)}

    def _classes(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        signature, batch = self.problem.targets.target_signature(), self._batch(raw)
        targets = tf.zeros([width or 0 for width in signature.shape], signature.dtype)
        ids, probabilities = self._classify({**batch, "targets": targets})
        text = self.problem.targets.text_in_graph(ids, self._vocabulary, self._names)
        return {"text": text, "probability": probabilities}


def _described(spec: tf.TensorSpec, meaning: str) -> dict[str, Any]:
    return {"type": spec.dtype.name, "shape": spec.shape.as_list(), "meaning": meaning}
