"""Command t2t-vocab: builds, shows, measures, extends and imports subword vocabularies."""

from __future__ import annotations

import pathlib

from absl import flags

from t2t_multimodel.bin import cli
from t2t_multimodel.errors import MultiModelError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_enum("action", "inspect", ["inspect", "coverage", "extend", "build"], "What to do.")
    flags.DEFINE_string("data_dir", None, "Folder with vocab.model and vocab.json.")
    flags.DEFINE_string("subwords_file", None, "A Tensor2Tensor .subwords file, instead of --data_dir.")
    flags.DEFINE_string("text", None, "inspect: a line of text to encode.")
    flags.DEFINE_list("file", None, "coverage: a text file, one sentence a line; build: one or more.")
    flags.DEFINE_list("pieces", [], "extend: texts that shall be one id.")
    flags.DEFINE_list("labels", [], "extend, build: tree labels.")
    flags.DEFINE_integer("vocab_size", None, "build: ids aimed at; 8192 unless given.", lower_bound=1)
    flags.DEFINE_string("to_dir", None, "extend, build: folder of the new vocabulary.")


def main(_) -> None:
    """Parses flags and calls the tool."""
    from t2t_multimodel.data.vocabulary import tools as vocabulary_tools
    from t2t_multimodel.data.vocabulary.vocabulary import DEFAULT_SIZE

    if FLAGS.action == "build":
        cli.require("file", "to_dir")
        files = [pathlib.Path(file) for file in FLAGS.file]
        size = FLAGS.vocab_size or DEFAULT_SIZE
        built = vocabulary_tools.build(files, FLAGS.labels, size, pathlib.Path(FLAGS.to_dir))
        print(f"{built.size} ids, fingerprint {built.fingerprint}")
        return
    if bool(FLAGS.data_dir) == bool(FLAGS.subwords_file):
        raise MultiModelError("give --data_dir=FOLDER or --subwords_file=FILE")
    vocabulary = vocabulary_tools.open_vocabulary(FLAGS.data_dir or FLAGS.subwords_file)
    if FLAGS.action == "inspect":
        print(vocabulary_tools.describe(vocabulary, FLAGS.text))
    elif FLAGS.action == "coverage":
        cli.require("file")
        for file in FLAGS.file:
            print(vocabulary_tools.coverage(vocabulary, pathlib.Path(file)))
    else:
        cli.require("to_dir")
        extended = vocabulary_tools.extend(vocabulary, FLAGS.pieces, FLAGS.labels, pathlib.Path(FLAGS.to_dir))
        print(f"{vocabulary.size} ids became {extended.size}, fingerprint {extended.fingerprint}")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
