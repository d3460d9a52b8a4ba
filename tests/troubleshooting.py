"""Writes the list of all error messages into docs/troubleshooting.md: python tests/troubleshooting.py."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
MARK = "<!-- what follows is written by tests/troubleshooting.py -->\n"
FOLDERS = ("t2t_multimodel", "problems", "hparams", "bin")
TITLES = {
    "HParamsError": "Hyperparameters",
    "UnknownNameError": "Names",
    "PathError": "Paths",
    "StorageError": "Object storage",
    "UserModuleError": "Your own modules",
    "SourceError": "Raw corpora",
    "BadExampleError": "Single examples",
    "DataError": "Generated data",
    "VocabularyError": "Vocabularies",
    "CheckpointError": "Checkpoints and runs",
    "DamagedCheckpointError": "Damaged checkpoints",
    "TrainingError": "Training",
    "DecodeError": "Decoding",
    "InputLimitError": "Inputs that are too large for the server",
    "RequestError": "Requests to the server",
    "ExportError": "Exporting",
    "ExperimentError": "Experiments",
    "MultiModelError": "Flags and arguments",
}

# For messages that are the cause alone.
CURES = {"BadExampleError": "the example is dropped and counted; under --strict, mend the file"}


def error_names() -> list[str]:
    """Names of the project's exception types, the base last."""
    tree = ast.parse((ROOT / "t2t_multimodel" / "errors.py").read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [*sorted(set(names) - {"MultiModelError"}), "MultiModelError"]


def messages() -> dict[str, list[str]]:
    """By exception type the messages that the sources raise, with `{...}` for what varies."""
    found = {name: set() for name in error_names()}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in found and (text := words(node.args[0])):
                    found[name].add(text)
    return {name: sorted(texts, key=str.casefold) for name, texts in found.items() if texts}


def words(node: ast.expr) -> str:
    """The text of a string literal; "" for what is no literal or has too few fixed words to be found by."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = ""
    for part in parts:
        if isinstance(part, ast.FormattedValue):
            text += "{" + placeholder(part.value) + "}"
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            text += part.value
        else:
            return ""
    fixed = "".join(part.value for part in parts if isinstance(part, ast.Constant))
    return " ".join(text.split()) if len(fixed.split()) >= 3 else ""


def placeholder(node: ast.expr) -> str:
    """A word for what varies: the last name of the expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(value=inner) | ast.BinOp(left=inner) | ast.Call(args=[inner, *_]):
            return placeholder(inner)
        case ast.Call(func=ast.Attribute(value=inner)):
            return placeholder(inner)
        case ast.Call(func=inner):
            return placeholder(inner)
        case _:
            return "..."


def listing() -> str:
    """The generated part of the page: a table an exception type, cause beside cure."""
    lines = []
    for name, texts in messages().items():
        lines += [f"### {TITLES.get(name, name)} (`{name}`)", "", "| cause | cure |", "|---|---|"]
        for text in texts:
            cause, _, cure = text.partition("; ")
            cure = cure or CURES.get(name, "")
            cells = (cell.strip().replace("|", "\\|").replace("`", "'") for cell in (cause, cure))
            lines.append(
                "| " + " | ".join(f"`{cell}`" if number == 0 else cell for number, cell in enumerate(cells)) + " |"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(head + MARK + "\n" + listing(), encoding="utf-8")
