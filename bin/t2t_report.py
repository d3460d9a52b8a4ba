"""Command t2t-report RUN...: compares trainings: curves, final scores, and what differs in their hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from t2t_multimodel import paths
from t2t_multimodel.bin import cli
from t2t_multimodel.errors import MultiModelError

FLAGS = flags.FLAGS


def define_flags() -> None:
    """Defines this command's flags."""
    cli.define_path("html", "Write one page with curves and tables to this file.")
    cli.define_path("markdown", "Write the tables to this file.")
    cli.define_path("json", "Write all figures to this file.")


def main(arguments: Sequence[str]) -> None:
    """Parses flags, reads the runs and writes what is asked for; without a file it prints the tables."""
    folders = arguments[1:]
    if not folders:
        raise MultiModelError("no run was given; give the folders of trainings: t2t-report RUN RUN ...")
    files = {name: FLAGS[name].value for name in ("html", "markdown", "json")}
    for name, path in files.items():
        if path:
            paths.check_output_file(path, f"--{name}", makes_folder=True)
    from t2t_multimodel.data.inspect import markup
    from t2t_multimodel.report.runs.comparison import compare
    from t2t_multimodel.report.runs.files import render

    found = compare(folders)
    for name, path in files.items():
        if path:
            markup.save(render(found, name), path, f"--{name}")
    if not any(files.values()):
        print(render(found, "markdown"), end="")


def run() -> None:
    """Console entry point."""
    define_flags()
    cli.run_main(main, arguments=True)


if __name__ == "__main__":
    run()
