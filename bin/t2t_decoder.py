"""Command t2t-decoder: decodes lines of text, or paths of pictures and sound, with a trained model."""

from __future__ import annotations

from absl import flags

from t2t_multimodel import paths, registry
from t2t_multimodel.bin import cli
from t2t_multimodel.errors import DecodeError, MultiModelError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_problem_flags()
    cli.define_model_flags()
    cli.define_path("decode_from_file", "Inputs, one a line; for pictures and sound a path a line.")
    cli.define_path("decode_to_file", "Outputs, one a line, in the order of the inputs.")
    flags.DEFINE_bool("decode_interactive", False, "Read inputs from the terminal.")


def main(_) -> None:
    """Parses flags and decodes."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    cli.require("problem", "output_dir")
    problems = registry.expand_problems(FLAGS.problem)
    if len(problems) != 1:
        raise MultiModelError(f"--problem names {len(problems)} problems; t2t-decoder decodes one at a time")
    if bool(FLAGS.decode_from_file) == FLAGS.decode_interactive:
        raise MultiModelError("there is nothing to decode; give --decode_from_file=FILE or --decode_interactive")
    cli.require_input(output_dir=FLAGS.output_dir, data_dir=FLAGS.data_dir)
    if FLAGS.decode_from_file:
        paths.check_input_file(FLAGS.decode_from_file, "--decode_from_file")
    if FLAGS.decode_to_file:
        paths.check_output_file(FLAGS.decode_to_file, "--decode_to_file")
    from t2t_multimodel.api import load
    from t2t_multimodel.decoding.decode_hparams import DecodeHParams
    from t2t_multimodel.decoding.files import decode_file, decode_interactive

    hparams = DecodeHParams.parse(FLAGS.decode_hparams)
    model = load(FLAGS.output_dir, checkpoint=FLAGS.checkpoint_path)
    if FLAGS.data_dir:
        model.check_data(FLAGS.data_dir, problems)
    decoder = model.decoder(problems[0], hparams)
    if FLAGS.decode_interactive:
        decode_interactive(decoder)
        return
    failed = decode_file(decoder, FLAGS.decode_from_file, FLAGS.decode_to_file)
    if failed:
        raise DecodeError(f"{failed} inputs could not be decoded and gave empty lines; see the messages above")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
