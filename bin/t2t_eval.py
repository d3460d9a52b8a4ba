"""Command t2t-eval: scores a trained model on the dev or test split, teacher-forced and by the tasks' metrics."""

from __future__ import annotations

from absl import flags

from t2t_multimodel import registry
from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_problem_flags()
    cli.define_model_flags()
    flags.DEFINE_enum("split", "dev", ["train", "dev", "test"], "What is scored.")
    flags.DEFINE_integer("eval_steps", 0, "Batches of teacher-forced scores; 0 takes the whole split.", lower_bound=0)
    flags.DEFINE_bool("decode", True, "Decode, and score by the tasks' metrics.")
    flags.DEFINE_integer("decode_examples", 200, "Inputs that are decoded; 0 takes all.", lower_bound=0)
    flags.DEFINE_string("metrics", "", "Metrics beside the problems' own, comma-separated, such as meteor.")
    flags.DEFINE_integer(
        "bootstrap_resamples", 1000, "Corpora drawn for 95% intervals of the scores; 0: no intervals.", lower_bound=0
    )
    cli.define_path("report", "Folder of a report: page.html, report.json, report.txt; none unless given.")
    flags.DEFINE_integer("report_examples", 3, "Best and worst examples in it, each, a problem.", lower_bound=0)


def main(_) -> None:
    """Parses flags and evaluates."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    cli.require("problem", "data_dir", "output_dir")
    problems = registry.expand_problems(FLAGS.problem)
    cli.require_output(report=FLAGS.report)
    cli.require_input(output_dir=FLAGS.output_dir, data_dir=FLAGS.data_dir)
    from t2t_multimodel.api import load
    from t2t_multimodel.decoding.decode_hparams import DecodeHParams
    from t2t_multimodel.runs.metrics_log import format_table

    decode_hparams = DecodeHParams.parse(FLAGS.decode_hparams)
    records = load(FLAGS.output_dir, checkpoint=FLAGS.checkpoint_path).evaluate(
        problems,
        data_dir=FLAGS.data_dir,
        split=FLAGS.split,
        eval_steps=FLAGS.eval_steps,
        decode=FLAGS.decode,
        decode_examples=FLAGS.decode_examples,
        decode_hparams=decode_hparams,
        extra_metrics=[name for name in FLAGS.metrics.split(",") if name],
        resamples=FLAGS.bootstrap_resamples,
        strict=FLAGS.strict,
        log_dir=FLAGS.output_dir,
        report=FLAGS.report,
        report_examples=FLAGS.report_examples,
    )
    print(format_table(records))


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
