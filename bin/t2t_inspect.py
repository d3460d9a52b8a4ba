"""Command t2t-inspect: shows examples, lengths, buckets and counts of generated problems."""

from __future__ import annotations

import shutil

from absl import flags

from t2t_multimodel import paths, registry
from t2t_multimodel.bin import cli

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("problem", None, "A problem, a suite, or a comma-separated list of both.")
    cli.define_path("data_dir", "Folder of the generated data.")
    flags.DEFINE_enum("split", "train", ["train", "dev", "test"], "Which split.")
    flags.DEFINE_integer("examples", 5, "Examples shown.", lower_bound=0)
    flags.DEFINE_integer("start", 0, "Row of the first example shown.", lower_bound=0)
    flags.DEFINE_string("hparams_set", "multimodel_base", "Registered hparams set, for buckets and spectrograms.")
    flags.DEFINE_string("hparams", "", "Overrides, group.name=value,...")
    cli.define_path("html", "Write one page with everything in it to this file.")
    cli.define_path("to_dir", "Write pictures and spectrograms (PNG) and sound (WAV) to this folder.")
    flags.DEFINE_bool("strict", False, "Stop at the first damaged record instead of counting and skipping it.")
    cli.define_path("t2t_usr_dir", "A folder with your own problem modules.")
    flags.DEFINE_bool("registry_help", False, "List all problems, suites and hparams sets, and stop.")


def main(_) -> None:
    """Parses flags, looks and shows."""
    if FLAGS.registry_help:
        cli.print_registry()
        return
    cli.prepare()
    cli.require("problem", "data_dir")
    hparams = cli.hparams()
    problems = registry.expand_problems(FLAGS.problem)
    cli.require_input(data_dir=FLAGS.data_dir)
    cli.require_output(to_dir=FLAGS.to_dir)
    if FLAGS.html:
        paths.check_output_file(FLAGS.html, "--html", makes_folder=True)
    from t2t_multimodel.data.inspect import page as inspect_page
    from t2t_multimodel.data.inspect import report as inspect_report

    inspections = []
    for name in problems:
        inspection = inspect_report.inspect_split(
            registry.problem(name),
            FLAGS.data_dir,
            FLAGS.split,
            hparams=hparams,
            hparams_name=FLAGS.hparams_set,
            examples=FLAGS.examples,
            start=FLAGS.start,
            strict=FLAGS.strict,
        )
        print(inspect_report.render(inspection, shutil.get_terminal_size((120, 24)).columns), end="\n\n")
        inspections.append(inspection)
    if FLAGS.to_dir:
        written = inspect_page.save_media(inspections, FLAGS.to_dir)
        print(f"{len(written)} files written to {FLAGS.to_dir}")
    if FLAGS.html:
        inspect_page.save_page(inspections, FLAGS.html)
        print(f"page written to {FLAGS.html}")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main)


if __name__ == "__main__":
    run()
