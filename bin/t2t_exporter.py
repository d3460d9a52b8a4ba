"""Command t2t-exporter: writes a trained model as one SavedModel that needs TensorFlow and tensorflow-text alone."""

from __future__ import annotations

from absl import flags

from t2t_multimodel import registry
from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_model_flags()
    cli.define_path("export_dir", "Folder of the versions; the model goes to EXPORT_DIR/STEP.")
    flags.DEFINE_string("problem", None, "A problem, a suite, or a list of both; all of the run unless given.")
    flags.DEFINE_integer("max_input_length", 512, "Longest text in ids; longer ones are refused.", lower_bound=1)
    cli.define_path("t2t_usr_dir", "A folder with your own problem modules.")


def main(_) -> None:
    """Parses flags and exports."""
    cli.prepare()
    cli.require("output_dir", "export_dir")
    problems = registry.expand_problems(FLAGS.problem) if FLAGS.problem else None
    cli.require_input(output_dir=FLAGS.output_dir)
    cli.require_output(export_dir=FLAGS.export_dir)
    from t2t_multimodel.api import load
    from t2t_multimodel.decoding.decode_hparams import parse_values

    values = parse_values(FLAGS.decode_hparams)
    model = load(FLAGS.output_dir, checkpoint=FLAGS.checkpoint_path)
    print(model.export(FLAGS.export_dir, problems, max_input_length=FLAGS.max_input_length, **values))


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
