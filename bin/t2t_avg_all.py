"""Command t2t-avg-all: writes the average of the newest or best checkpoints of a run."""

from __future__ import annotations

from absl import flags

from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_path("output_dir", "The training run; the average goes to its folder average.")
    flags.DEFINE_integer("n", 8, "Checkpoints that are averaged.", lower_bound=1)
    flags.DEFINE_bool("best", False, "Average the n best in the place of the n newest.")
    flags.DEFINE_string("metric", "", "SCORE or PROBLEM/SCORE of the best; that of best.json unless given.")


def main(_) -> None:
    """Parses flags and averages."""
    cli.require("output_dir")
    cli.require_input(output_dir=FLAGS.output_dir)
    from t2t_multimodel.runs.selection.average import average_checkpoints

    average = average_checkpoints(FLAGS.output_dir, FLAGS.n, best=FLAGS.best, metric=FLAGS.metric)
    print(f"{average.path}: the mean of steps {', '.join(map(str, average.steps))}")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
