"""Command t2t-datagen: makes TFRecord shards, the shared vocabulary and metadata of one or many problems."""

from __future__ import annotations

from absl import flags

from t2t_multimodel import registry
from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_problem_flags()
    flags.DEFINE_integer("num_shards", 10, "Training shards a problem; dev and test have one.", lower_bound=1)
    flags.DEFINE_integer("num_workers", 0, "Processes that encode; 0 takes one a processor.", lower_bound=0)
    flags.DEFINE_integer("vocab_size", None, "Ids of a new vocabulary, 8192 unless given.", lower_bound=1)
    flags.DEFINE_enum("pipeline", "local", ["local", "beam"], "Runs on this machine, or on Apache Beam.")
    flags.DEFINE_string("pipeline_options", "", "Options of Beam's runner: runner=DirectRunner,name=value.")
    flags.DEFINE_bool("overwrite", False, "Make again what is there already.")


def main(_) -> None:
    """Parses flags and generates."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    cli.require("problem", "data_dir")
    cli.require_output(data_dir=FLAGS.data_dir, tmp_dir=FLAGS.tmp_dir)
    cli.generate(registry.expand_problems(FLAGS.problem))


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
