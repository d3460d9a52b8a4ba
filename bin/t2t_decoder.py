"""Command t2t-decoder: decodes or scores lines of text, or paths of images and audio, with a trained model."""

from __future__ import annotations

import os
import stat
import sys

from absl import flags

from t2t_multimodel import paths, registry
from t2t_multimodel.bin import cli
from t2t_multimodel.decoding.lines.requests import STANDARD_INPUT, is_many
from t2t_multimodel.errors import DecodeError, MultiModelError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_problem_flags()
    cli.define_model_flags()
    cli.define_path("decode_from_file", "Inputs, one a line; for images and audio paths, a folder or a pattern.")
    cli.define_path("decode_to_file", "Outputs or scores, one a line, in the order of the inputs.")
    flags.DEFINE_enum("decode_format", "text", ["text", "json"], "Lines of text, or JSON with beams and scores.")
    flags.DEFINE_bool("decode_interactive", False, "Read inputs from the terminal.")
    cli.define_path("score_file", "Lines INPUT<tab>TARGET: log-probabilities of these targets.")


def main(_) -> None:
    """Parses flags and decodes."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    cli.require("problem", "output_dir")
    problems, source = registry.expand_problems(FLAGS.problem), _source()
    _check_paths(source)
    from t2t_multimodel.api import load
    from t2t_multimodel.decoding.decode_hparams import DecodeHParams
    from t2t_multimodel.decoding.lines.decode_file import decode_file
    from t2t_multimodel.decoding.lines.interactive import decode_interactive
    from t2t_multimodel.decoding.lines.score_file import score_file

    hparams = DecodeHParams.parse(FLAGS.decode_hparams)
    model = load(FLAGS.output_dir, checkpoint=FLAGS.checkpoint_path)
    if FLAGS.data_dir:
        model.check_data(FLAGS.data_dir, problems)
    decoders = {name: model.decoder(name, hparams) for name in problems}
    if FLAGS.decode_interactive:
        names = list(dict.fromkeys([*problems, *model.problems]))
        decode_interactive(lambda name: model.decoder(name, hparams), names)
        return
    run = score_file if FLAGS.score_file else decode_file
    averaged = f" ({model.weights})" if model.weights else ""
    identity = f"step {model.step}{averaged} of {os.path.abspath(FLAGS.output_dir)}"
    failed = run(decoders, source, FLAGS.decode_to_file, form=FLAGS.decode_format, identity=identity)
    if failed:
        raise DecodeError(f"{failed} inputs could not be decoded and gave empty lines; see the messages above")


def _source() -> str | None:
    """Where inputs come from: a file, ``-`` for standard input, or None for the terminal."""
    given = [name for name in ("decode_from_file", "score_file", "decode_interactive") if FLAGS[name].value]
    if len(given) > 1:
        raise MultiModelError(f"--{given[0]} and --{given[1]} exclude each other; give one of them")
    if given:
        return FLAGS.decode_from_file or FLAGS.score_file
    if sys.stdin is not None and _is_piped():
        return STANDARD_INPUT
    raise MultiModelError(
        "there is nothing to decode; give --decode_from_file=FILE, --score_file=FILE, --decode_interactive, or lines on"
        " standard input"
    )


def _is_piped() -> bool:
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _check_paths(source: str | None) -> None:
    """Names what is wrong with paths before anything is loaded."""
    cli.require_input(output_dir=FLAGS.output_dir, data_dir=FLAGS.data_dir)
    if source is not None and source != STANDARD_INPUT and not is_many(source):
        paths.check_input_file(source, "--score_file" if FLAGS.score_file else "--decode_from_file")
    if FLAGS.decode_to_file:
        paths.check_output_file(FLAGS.decode_to_file, "--decode_to_file")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
