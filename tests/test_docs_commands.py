"""docs/commands.md and docs/data.md name flags, options and files that exist."""

import pathlib
import re
import subprocess
import sys

import pytest

from t2t_multimodel import registry

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
COMMANDS = ("t2t-datagen", "t2t-inspect", "t2t-vocab", "t2t-trainer", "t2t-eval", "t2t-decoder")
COMMANDS += ("t2t-report", "t2t-avg-all", "t2t-exporter", "t2t-query-server", "t2t-experiments")
SHARED = ("t2t-datagen", "t2t-trainer", "t2t-eval", "t2t-decoder")


def section(page: str, title: str) -> str:
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)[1]


def flags_in(text: str) -> set[str]:
    return {name for row in re.findall(r"^\| (`--.*?) \|", text, re.M) for name in re.findall(r"`--(\w+)`", row)}


def help_of(command: str) -> set[str]:
    module = f"t2t_multimodel.bin.{command.replace('-', '_')}"
    result = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^  --(\w+):", result.stdout, re.M))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_lists_the_flags_there_are(command):
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    listed = flags_in(section(page, command))
    if command in SHARED:
        listed |= flags_in(page[: page.index("## t2t-datagen")])
    assert listed == help_of(command)


def test_every_flag_of_an_example_exists():
    known = {command: help_of(command) | {"nodecode"} for command in COMMANDS}
    examples = 0
    for path in ("commands.md", "data.md", "new_problem.md"):
        for block in re.findall(r"^```sh\n(.*?)^```", (DOCS / path).read_text(encoding="utf-8"), re.M | re.S):
            for line in block.splitlines():
                name, *words = line.split()
                if name in known:
                    examples += 1
                    assert set(re.findall(r"(?<!\S)--(\w+)", " ".join(words))) <= known[name], line
    assert examples > 15


def test_every_problem_and_option_is_in_the_page():
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    options = section(page, "Options")
    for name in registry.problem_names():
        problem = registry.problem(name)
        if not type(problem).__module__.startswith("t2t_multimodel.problems."):
            continue  # another test's
        generic = re.sub(r"^mini_.*", "mini_*", name)
        suffix = "`_" + name.rpartition("_")[2] + "`" if name.startswith("translate_") else f"`{generic}`"
        assert f"`{name}`" in page or suffix in page, name
        for option, default in problem.options.items():
            (shown,) = re.findall(rf"`{option}`(?: \(([^)]*)\))?", options.split("```")[0])[:1]
            numbers = option.endswith("_examples") and option != "max_examples"
            assert numbers or shown == str(default).lower(), option
