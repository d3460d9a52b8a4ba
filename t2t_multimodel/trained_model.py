"""A trained model in Python: generate, score, evaluate, export."""

from __future__ import annotations

import os
import pathlib
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from t2t_multimodel import metrics, paths, registry
from t2t_multimodel.data.console import print_warning
from t2t_multimodel.data.data_folder import has_examples
from t2t_multimodel.data.problem import SPLITS
from t2t_multimodel.data.records.index import RecordIndex
from t2t_multimodel.decoding.decode_hparams import DecodeHParams
from t2t_multimodel.decoding.output import Output
from t2t_multimodel.decoding.problem_decoder import PreparedInput, ProblemDecoder
from t2t_multimodel.decoding.search import ProblemSearch
from t2t_multimodel.decoding.split_scores import decode_split, score_decoded
from t2t_multimodel.errors import DataError, DecodeError
from t2t_multimodel.metrics.corpus_statistics import RESAMPLES, share_interval
from t2t_multimodel.report.collect import collect
from t2t_multimodel.report.files import write_report
from t2t_multimodel.report.one_input import Inspection, inspect_input
from t2t_multimodel.runs.load import LoadedRun, check_vocabulary
from t2t_multimodel.runs.metrics_log import append_records
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.evaluation import Evaluator

_KEPT_DECODERS = 256


class TrainedModel:
    """The weights of one checkpoint and all that a run folder holds beside them; made by `t2t_multimodel.load`.

    Args:
        run: a loaded run.

    Example:

        model = t2t_multimodel.load("run")
        model.problems
        model.generate("mini_translate_ende", ["a small red circle"])[0].text
    """

    def __init__(self, run: LoadedRun):
        self._run = run
        self._decoders: dict[tuple[str, DecodeHParams], ProblemDecoder] = {}
        self._lock = threading.Lock()

    @property
    def problems(self) -> list[str]:
        """Names of the problems that the model was trained on."""
        return list(self._run.manifest.problems)

    @property
    def step(self) -> int:
        """The training step of the checkpoint."""
        return self._run.step

    @property
    def weights(self) -> str:
        """``"average"`` or ``"ema"`` where the weights are averages rather than those of the step itself, else ""."""
        return self._run.weights

    @property
    def keras_model(self) -> keras.Model:
        """The Keras model; `keras_model.save("model.keras")` and `keras_model.summary()` work."""
        return self._run.model

    def check_data(self, data_dir: str | os.PathLike, problems: Sequence[str]) -> None:
        """Checks that generated data of problems have the model's vocabulary.

        Raises:
            DataError: the folder does not exist.
            VocabularyError: the data have another vocabulary, or none.
        """
        check_vocabulary(self._run.manifest, paths.resolve(data_dir), self._run.manifest.tasks(problems))

    def decoder(self, problem: str, hparams: DecodeHParams | None = None) -> ProblemDecoder:
        """What decodes inputs of a problem one by one; kept, so that a second call traces nothing anew."""
        key = problem, hparams or DecodeHParams()
        with self._lock:
            decoder = self._decoders.pop(key, None) or ProblemDecoder(self._run, *key)
            self._decoders[key] = decoder  # the last asked for stands last
            while len(self._decoders) > _KEPT_DECODERS:
                del self._decoders[next(iter(self._decoders))]
        return decoder

    def inspect(self, problem: str, value: Any, **decode_hparams) -> Inspection:
        """What the model does with one input: its output, where its attention looked, which experts worked.

        Args:
            problem: one of `problems`.
            value: as for `generate`.
            decode_hparams: fields of `DecodeHParams`; greedy search unless given.

        Raises:
            MultiModelError: the input cannot be read.

        Example:

            seen = model.inspect("mini_translate_ende", "a small red circle")
            seen.output.text, seen.attention.weights.shape, seen.loads["encoder"]
        """
        hparams = DecodeHParams.make(**decode_hparams)
        return self.inspect_prepared(problem, self.decoder(problem, hparams).prepare(value), hparams)

    def inspect_prepared(self, problem: str, one: PreparedInput, hparams: DecodeHParams) -> Inspection:
        """As `inspect`, of an input that the problem's decoder prepared."""
        return inspect_input(self._run, self.decoder(problem, hparams), one)

    def generate(
        self, problem: str, inputs: Iterable[Any], *, errors: str = "raise", prefix: str = "", **decode_hparams
    ) -> list[Output]:
        """Outputs for inputs of a problem, in order.

        Args:
            problem: one of `problems`.
            inputs: text (str); images (path, encoded bytes, PIL image, uint8 `[height, width, 3]`); audio (path, bytes
                of a file, or (float `[samples]`, samples a second)).
            errors: ``"raise"``, or ``"return"``: an input that cannot be read gives an `Output` whose `error` says why.
            prefix: text that every output begins with.
            decode_hparams: fields of `DecodeHParams`, such as ``beam_size=4, alpha=0.6``. All outputs of a beam are
                given, unless ``return_beams=False`` asks for the best alone, which is found sooner.

        Raises:
            DecodeError: an input cannot be read, unless `errors` is ``"return"``.
            MultiModelError: an unknown problem or decode hparam.

        Example:

            (output,) = model.generate("mini_image_class", ["picture.jpg"])
            print(output.text, output.beams)
        """
        if errors not in ("raise", "return"):
            raise DecodeError(f"errors={errors!r}; give 'raise' or 'return'")
        if isinstance(inputs, str | bytes):
            raise DecodeError("inputs is one value; give a list of inputs")
        hparams = _all_beams(decode_hparams)
        outputs = []
        for number, output in enumerate(self.decoder(problem, hparams).decode(inputs, prefix)):
            if output.error is not None and errors == "raise":
                raise DecodeError(f"input {number}: {output.error}")
            outputs.append(output)
        return outputs

    def score(
        self, problem: str, inputs: Sequence[Any], targets: Sequence[Any], *, batch_size: int = 32
    ) -> list[float]:
        """Log-probabilities of given targets, in nats, ends of sequences included.

        Args:
            problem: one of `problems`.
            inputs: as for `generate`.
            targets: for each input its target: text, words and tree labels (`Label`), or a class by name or number.
            batch_size: inputs scored at once.

        Raises:
            DecodeError: an input or target cannot be read.
        """
        return list(self.decoder(problem, DecodeHParams.make(batch_size=batch_size)).score(inputs, targets))

    def evaluate(
        self,
        problem: str | Sequence[str],
        *,
        data_dir: str | os.PathLike,
        split: str = "dev",
        eval_steps: int = 0,
        decode: bool = True,
        decode_examples: int = 200,
        decode_hparams: DecodeHParams | None = None,
        extra_metrics: Sequence[str] = (),
        resamples: int = RESAMPLES,
        strict: bool = False,
        log_dir: str | os.PathLike | None = None,
        report: str | os.PathLike | None = None,
        report_examples: int = 3,
    ) -> list[dict[str, Any]]:
        """Scores on generated data: teacher-forced, and by the tasks' metrics. Problems without the split are left out.

        Args:
            problem: a problem, a suite, a comma-separated list, or a sequence of names.
            data_dir: the generated data; their vocabulary must be the model's.
            split: ``"train"``, ``"dev"`` or ``"test"``.
            eval_steps: batches of the teacher-forced evaluation; 0 takes the whole split.
            decode: also decodes and scores by the problems' metrics.
            decode_examples: inputs that are decoded; 0 takes all.
            decode_hparams: how to search.
            extra_metrics: names of metrics beside the problems' own, for what is decoded to text.
            resamples: corpora drawn for the 95% bootstrap intervals, seeded by 0; 0 leaves them out.
            strict: damaged records are fatal.
            log_dir: a run folder whose metrics.jsonl gets each record once it is complete; None writes nothing. A
                folder of rounded weights, such as the model in the box, is left as it is.
            report: a folder that gets page.html, report.json and report.txt; None writes nothing.
            report_examples: best and worst examples in it, each, of every problem.

        Returns:
            one record a problem, as metrics.jsonl has them.

        Raises:
            MultiModelError: data or problems do not fit, or no problem has such a split.
        """
        if split not in SPLITS:
            raise DataError(f"split {split!r} is not one of {', '.join(SPLITS)}; give one of them")
        names = registry.expand_problems(problem) if isinstance(problem, str) else list(problem)
        data_dir = paths.resolve(data_dir)
        for name in extra_metrics:
            metrics.get(name)  # an unknown name is told before the work
        tasks, run, records, reports = self._run.manifest.tasks(names), self._run, [], []
        self.check_data(data_dir, names)
        evaluator = Evaluator(run.model, data_dir, split, seed=run.manifest.seed, strict=strict)
        for task in tasks:
            if not has_examples(data_dir, task.problem, split):
                print(f"{task.name} has no {split} split; left out", file=sys.stderr)
                continue
            record = evaluator.evaluate(task, step=run.step, max_batches=eval_steps or None)
            if run.weights:
                record["weights"] = run.weights
            if resamples:
                record |= _share_intervals(record, resamples)
            index = evaluator.inputs(task).index
            scored, decoded = _metrics(task, extra_metrics), []
            if decode and (scored or report is not None):
                decoded = self._decode(task, index, decode_examples, decode_hparams)
            if decoded and scored:
                record |= score_decoded(scored, decoded, resamples=resamples)
            if log_dir is not None and not run.rounded:
                _log(paths.resolve(log_dir), record)
            if report is not None:
                reports.append(collect(run, task, record, index, decoded, scored, examples=report_examples))
            records.append(record)
        if not records:
            raise DataError(f"no problem has a {split} split in {data_dir}; give another split")
        if report is not None:
            write_report(paths.resolve(report), f"Evaluation at step {run.step}, {split} split", reports)
        return records

    def export(
        self,
        export_dir: str | os.PathLike,
        problems: Sequence[str] | None = None,
        *,
        max_input_length: int | None = None,
        **decode_hparams,
    ) -> pathlib.Path:
        """Writes one SavedModel with a signature for each problem: raw inputs in, outputs out (docs/serving.md).

        Args:
            export_dir: folder of the versions of a model; this one goes to ``<export_dir>/<step>``.
            problems: names of problems; all by default. The first is also the default signature.
            max_input_length: longest text in ids, the end included; 512 by default. Longer ones are refused.
            decode_hparams: as for `generate`.

        Returns:
            the folder of the version.

        Raises:
            ExportError: a problem, a modality or a way of searching has no form in a graph, or the version is there.
            MultiModelError: an unknown problem or decode hparam, or a folder that cannot be written.

        Example:

            folder = model.export("saved_model", ["mini_caption"], beam_size=4)
            tf.saved_model.load(folder).signatures["mini_caption"](image=tf.constant([encoded]))["text"]
        """
        from t2t_multimodel.serving.export.saved_model import MAX_INPUT_LENGTH, export_saved_model

        names = self.problems if problems is None else list(problems)
        hparams, limit = _all_beams(decode_hparams), MAX_INPUT_LENGTH if max_input_length is None else max_input_length
        return export_saved_model(self._run, paths.resolve(export_dir), names, hparams, max_input_length=limit)

    def _decode(self, task: Task, index: RecordIndex, limit: int, hparams: DecodeHParams | None):
        run = self._run
        search = ProblemSearch(run.model, task, hparams or DecodeHParams(), run.vocabulary)
        names = run.label_names.get(task.name, ())
        return decode_split(search, run.vocabulary, index, limit=limit or None, label_names=names)


def _all_beams(values: Mapping[str, Any]) -> DecodeHParams:
    """Decode hparams where all outputs of a beam are wanted unless `values` says otherwise."""
    return DecodeHParams.make(**{"return_beams": values.get("beam_size", 1) != 1, **values})


def _metrics(task: Task, extra: Sequence[str]) -> tuple[str, ...]:
    """The metrics of what is decoded; none for classes."""
    return tuple(dict.fromkeys((*task.problem.metrics, *extra))) if task.problem.targets.autoregressive else ()


# Of these scores each example is right or wrong.
_SHARES = ("sequence_accuracy", "top1", "top5")


def _share_intervals(record: dict[str, Any], resamples: int) -> dict[str, list[float]]:
    found = [name for name in _SHARES if name in record]
    return {f"{name}_interval": share_interval(record[name], record["examples"], resamples=resamples) for name in found}


def _log(folder: str, record: dict[str, Any]) -> None:
    """Appends a record to metrics.jsonl; a run that cannot be written is scored all the same."""
    try:
        append_records(folder, [record])
    except OSError as error:
        print_warning(f"the scores of {record['problem']} are not kept: {paths.describe_os_error(error)}")
