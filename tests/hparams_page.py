"""Writes the reference of hyperparameters into docs/hparams.md: python tests/hparams_page.py."""

import dataclasses
import inspect
import pathlib
import re

from t2t_multimodel import registry
from t2t_multimodel.hparams import multimodel
from t2t_multimodel.hparams.base import HParams

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "hparams.md"
MARK = "<!-- what follows is written by tests/hparams_page.py -->\n"


def attributes(group: type) -> dict[tuple[str, ...], str]:
    """Names and text of each entry below ``Attributes:`` of a group's docstring."""
    text = inspect.getdoc(group).partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n     +.*)*)", text, re.M)
    return {tuple(names.split(", ")): " ".join(meaning.split()) for names, meaning in entries}


def markdown(text: str) -> str:
    """A docstring's words as Markdown: single backticks, and links to pages."""
    text = " ".join(text.replace("``", "`").split())
    return re.sub(r"docs/(\w+)\.md", r"[\1.md](\1.md)", text)


def cell(text: str) -> str:
    """Text of a table's cell; code with a bar in it is written so that no reader of tables splits it."""
    return re.sub(r"`([^`]*\|[^`]*)`", lambda found: f"<code>{found[1].replace('|', '&#124;')}</code>", text)


def shown(value: object) -> str:
    """A value as `HParams.override` takes it."""
    if isinstance(value, tuple):
        return ":".join(map(shown, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def code(value: object) -> str:
    return f"`{shown(value)}`" if shown(value) else "(empty)"


def groups() -> str:
    """A table a group: name, default, meaning."""
    lines = []
    for field in dataclasses.fields(HParams):
        lines += [f"### {field.name}", "", markdown(inspect.getdoc(type(field.default)).partition("\n\nAttr")[0]), ""]
        lines += ["| hparam | default | meaning |", "|---|---|---|"]
        for names, meaning in attributes(type(field.default)).items():
            defaults = ", ".join(code(getattr(field.default, name)) for name in names)
            lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {defaults} | {cell(markdown(meaning))} |")
        lines.append("")
    return "\n".join(lines)


def set_names() -> list[str]:
    """The registered sets, in the order of the source."""
    return [name for name in vars(multimodel) if name in registry.hparams_names()]


def sets() -> str:
    """What each registered set changes, by group."""
    defaults, lines = dataclasses.asdict(HParams()), []
    for name in set_names():
        summary, _, rest = inspect.getdoc(vars(multimodel)[name]).partition("\n\n")
        lines += [f"### {name}", "", markdown(summary), ""] + ([markdown(rest), ""] if rest else [])
        changed = {
            group: [f"`{key}={shown(value)}`" for key, value in values.items() if value != defaults[group][key]]
            for group, values in dataclasses.asdict(registry.hparams(name)).items()
        }
        if any(changed.values()):
            lines += ["| group | differs from the defaults |", "|---|---|"]
            lines += [f"| {group} | {cell(', '.join(values))} |" for group, values in changed.items() if values]
        else:
            lines.append("The defaults above.")
        lines.append("")
    return "\n".join(lines)


def listing() -> str:
    """The generated part of the page."""
    return f"## Groups\n\n{groups()}\n## Sets\n\n{sets()}".rstrip() + "\n"


if __name__ == "__main__":
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(head + MARK + "\n" + listing(), encoding="utf-8")
