"""Command t2t-experiments: makes the paper's tables: runs, results, report."""

from __future__ import annotations

from absl import flags

from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("table", "all", "1, 2, 3, 4, affinity, law, several by commas, or all.")
    flags.DEFINE_string("scale", "mini", "mini, small or paper.")
    flags.DEFINE_integer("seeds", 3, "Runs of each variant.", lower_bound=1)
    cli.define_path("output_dir", "Data, runs and results.")
    flags.DEFINE_string("source_dir", None, "Raw corpora: FOLDER, or PROBLEM=FOLDER,PROBLEM=FOLDER.")
    flags.DEFINE_integer("jobs", 1, "Runs side by side, which share the processors.", lower_bound=1)
    flags.DEFINE_string("run", "", "Make this one run alone.")
    flags.DEFINE_bool("print_commands", False, "Print the missing runs as independent commands, and stop.")
    flags.DEFINE_bool("plan", False, "Print what the tables will take, and stop.")
    flags.DEFINE_float("flops", 1e11, "Useful FLOP/s of the machine, for the plan.", lower_bound=1.0)
    flags.DEFINE_string("mesh_shape", "", "Devices of the plan, such as batch:1;experts:8; one unless given.")
    flags.DEFINE_bool("report_only", False, "Make the report of the results that are there, without training.")
    cli.define_path("report_dir", "The report, and results/SCALE.jsonl beside it.", "docs/reproduction")


def main(_) -> None:
    """Parses flags and makes the tables."""
    if not FLAGS.report_only and not FLAGS.plan:
        cli.require("output_dir")
    from t2t_multimodel.experiments import experiment

    experiment.run(
        experiment.Request(
            table=FLAGS.table,
            scale=FLAGS.scale,
            seeds=FLAGS.seeds,
            output_dir=FLAGS.output_dir,
            source_dir=FLAGS.source_dir,
            jobs=FLAGS.jobs,
            run=FLAGS.run,
            print_commands=FLAGS.print_commands,
            plan=FLAGS.plan,
            flops=FLAGS.flops,
            mesh_shape=FLAGS.mesh_shape,
            report_only=FLAGS.report_only,
            report_dir=FLAGS.report_dir,
        )
    )


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
