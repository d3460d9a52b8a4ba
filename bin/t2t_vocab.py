"""Command t2t-vocab: builds, shows, measures, extends and imports subword vocabularies."""

from __future__ import annotations

import pathlib

from absl import flags

from t2t_multimodel import demo, paths
from t2t_multimodel.bin import cli
from t2t_multimodel.data import storage
from t2t_multimodel.errors import MultiModelError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_enum("action", "inspect", ["inspect", "coverage", "extend", "build"], "What to do.")
    cli.define_path("data_dir", "Folder with vocab.model and vocab.json; demo: of the model in the box.")
    cli.define_path("subwords_file", "A Tensor2Tensor .subwords file, instead of --data_dir.")
    flags.DEFINE_string("text", None, "inspect: a line of text to encode.")
    flags.DEFINE_list("file", None, "coverage: a text file, one sentence a line; build: one or more.")
    flags.DEFINE_list("pieces", [], "extend: texts that shall be one id.")
    flags.DEFINE_list("labels", [], "extend, build: tree labels.")
    flags.DEFINE_integer("vocab_size", None, "build: ids aimed at; 8192 unless given.", lower_bound=1)
    cli.define_path("to_dir", "extend, build: folder of the new vocabulary.")


def main(_) -> None:
    """Parses flags and calls the tool."""
    files = [pathlib.Path(paths.resolve(file)) for file in FLAGS.file or ()]
    cli.require_output(to_dir=FLAGS.to_dir)
    cli.require_input(data_dir=FLAGS.data_dir)
    for name, given in (("file", files), ("subwords_file", [FLAGS.subwords_file] if FLAGS.subwords_file else [])):
        for file in given:
            paths.check_input_file(file, f"--{name}")
    from t2t_multimodel.data.vocabulary import tools as vocabulary_tools
    from t2t_multimodel.data.vocabulary.vocabulary import DEFAULT_SIZE

    if FLAGS.action == "build":
        cli.require("file", "to_dir")
        size = FLAGS.vocab_size or DEFAULT_SIZE
        built = vocabulary_tools.build(files, FLAGS.labels, size, pathlib.Path(FLAGS.to_dir))
        print(f"{built.size} ids, fingerprint {built.fingerprint}")
        return
    if bool(FLAGS.data_dir) == bool(FLAGS.subwords_file):
        raise MultiModelError("there is no vocabulary to work on; give --data_dir=FOLDER or --subwords_file=FILE")
    folder = demo.run_folder() if FLAGS.data_dir == demo.NAME else FLAGS.data_dir
    if folder and not storage.at(folder).is_dir():
        raise MultiModelError(f"--data_dir={FLAGS.data_dir} is not a folder; name the one that holds the vocabulary")
    vocabulary = vocabulary_tools.open_vocabulary(folder or FLAGS.subwords_file)
    if FLAGS.action == "inspect":
        print(vocabulary_tools.describe(vocabulary, FLAGS.text))
    elif FLAGS.action == "coverage":
        cli.require("file")
        for file in files:
            print(vocabulary_tools.coverage(vocabulary, file))
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
