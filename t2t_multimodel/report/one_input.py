"""What the model does with one input: the input as the model sees it, its output, attention, and experts at work."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from t2t_multimodel.data.input.parsing import RecordParser
from t2t_multimodel.data.inspect.side import Side, SideContext
from t2t_multimodel.data.records.features import decode_features
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import PreparedInput, ProblemDecoder
from t2t_multimodel.report.attention import Attention, read_attention
from t2t_multimodel.report.expert_loads import batch_loads, shares
from t2t_multimodel.runs.load import LoadedRun


@dataclasses.dataclass(frozen=True)
class Inspection:
    """One input, looked at.

    Attributes:
        side: the input in a form for people.
        output: what the model put out.
        attention: between output and input, or None where nothing attends, as for classes.
        loads: of each mixture by its name, the share of the input's tokens that each expert got, `[experts]`.
        length: of the input in the `length_unit` of its spec.
    """

    side: Side
    output: Output
    attention: Attention | None
    loads: dict[str, np.ndarray]
    length: float


def inspect_input(run: LoadedRun, decoder: ProblemDecoder, one: PreparedInput) -> Inspection:
    """Decodes one input and runs the model eagerly over its output to look inside.

    Args:
        run: a loaded run.
        decoder: of the problem; it says how to search.
        one: of `decoder.prepare`.

    Example:

        decoder = model.decoder("mini_caption")
        inspect_input(run, decoder, decoder.prepare("picture.jpg")).attention
    """
    task, problem, modalities = decoder.task, decoder.problem, run.manifest.hparams.modalities
    hypotheses = decoder.search(one)
    stored = decode_features(one.record)[problem.inputs.record_feature().name]
    features = RecordParser(problem, modalities)(tf.constant([one.record]))
    attention = None
    if problem.targets.autoregressive:
        ids = hypotheses[0].ids
        attention = read_attention(run.model, task, features, ids, run.vocabulary)
        features = {**features, "targets": tf.constant([ids], tf.int32)}
    return Inspection(
        side=problem.inputs.show(stored, SideContext(run.vocabulary, run.label_names.get(task.name), modalities)),
        output=decoder.output(hypotheses, one),
        attention=attention,
        loads=shares(batch_loads(run.model, task, features)),
        length=float(problem.inputs.lengths_in_unit(np.array([one.length]))[0]),
    )
