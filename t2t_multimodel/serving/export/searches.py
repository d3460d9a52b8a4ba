"""A search whose length is chosen inside the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.steps import Found, round_length

Batch = Mapping[str, tf.Tensor]


def cache_lengths(longest: int, shortest: int) -> list[int]:
    """Lengths of caches, the first for outputs of `shortest` ids, the last for those of `longest`; about doubling.

    Each is one trace of a search in the graph. A cache that is longer than its outputs costs time, and changes nothing.

    Example:

        cache_lengths(612, 101)  # [128, 256, 512, 1024]
    """
    lengths = [round_length(shortest)]
    while lengths[-1] < longest:
        lengths.append(round_length(min(2 * lengths[-1], longest)))
    return lengths


def make_search_of_any_length(
    search: ProblemSearch, max_input_length: int
) -> Callable[[Batch, Mapping[str, tf.Tensor]], Found]:
    """A function `find(batch, raw)` for use in a graph: the search of the shortest cache that the batch fits into.

    Args:
        search: of the problem; it must not sample.
        max_input_length: longest input in ids, the end included, where outputs grow with inputs. Longer ones are an
            error when the graph runs.

    Call arguments:
        batch: of `parse_input`.
        raw: inputs of the exported model, for the features of a constraint.
    """
    task, extra = search.task, search.hparams.extra_length
    longest = task.problem.inputs.longest_output(extra)
    limit = longest or extra + max_input_length
    lengths = cache_lengths(limit, longest or extra + 1)
    constraints = () if search.constraint is None else (search.constraint,)
    targets = task.problem.targets.target_signature()

    def find(batch: Batch, raw: Mapping[str, tf.Tensor]) -> Found:
        max_lengths = task.problem.inputs.output_lengths(batch, extra)
        size = tf.reduce_max(tf.concat([max_lengths, [1]], 0))
        check = tf.debugging.Assert(size <= limit, [f"an input has more than {max_input_length} ids; {_CURE}"])
        features = [constraint.features_in_graph(raw) for constraint in constraints]
        whole = {**batch, "targets": tf.zeros([width or 0 for width in targets.shape], targets.dtype)}
        uniform = tf.zeros([tf.size(max_lengths), 0])

        def branch(length: int):
            traced = search.traced(length, constraints)
            found = traced(whole, tf.constant(task.command), max_lengths, features, uniform)
            padding = [[0, 0], [0, 0], [0, lengths[-1] - length]]
            return found._replace(ids=tf.pad(found.ids, padding))

        with tf.control_dependencies([check]):
            chosen = tf.reduce_sum(tf.cast(size > lengths[:-1], tf.int32))
        branches = [lambda length=length: branch(length) for length in lengths]
        return _without_padding(tf.switch_case(chosen, branches) if len(lengths) > 1 else branches[0]())

    return find


_CURE = "give it in parts, or export with a larger max_input_length"


def _without_padding(found: Found) -> Found:
    """Found with ids as long as the longest output."""
    used = tf.reduce_max(tf.math.count_nonzero(found.ids, axis=-1, dtype=tf.int32))
    return found._replace(ids=found.ids[:, :, : tf.maximum(used, 1)])
