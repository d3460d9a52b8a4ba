"""One floor of the house imports only what stands below it (WORKSPACE.md, "Who imports whom")."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = "t2t_multimodel"

# From top to bottom. A module belongs to the longest name that it begins with.
FLOORS = [
    ["bin"],
    ["experiments"],
    ["serving"],
    ["demo.make"],
    ["api", "trained_model"],
    ["serving.export"],
    ["report"],
    ["decoding"],
    ["training"],
    ["runs"],
    ["model"],
    ["body"],
    ["problems"],
    ["modalities"],
    ["layers"],
    ["mesh"],
    ["kernels"],
    ["problems.readers"],
    ["data"],
    ["metrics"],
    ["text"],
    [
        "data.vocabulary",
        "data.storage",
        "data.remote",
        "data.console",
        "data.notices",
        "data.text_lines",
        "data.records.example_proto",
    ],
    ["hparams.multimodel"],
    ["hparams", "registry", "process", "observe"],
    ["user_modules"],
    ["paths", "demo"],
    ["errors"],
]
HEIGHT = {name: height for height, names in enumerate(reversed(FLOORS)) for name in names}


def floor(module: str) -> int | None:
    """Height of the module's floor; None for the package itself."""
    parts = module.removeprefix(PACKAGE).strip(".").split(".")
    for size in range(len(parts), 0, -1):
        if (name := ".".join(parts[:size])) in HEIGHT:
            return HEIGHT[name]
    return None


def modules():
    """Name and path of every module of the package."""
    for top in (PACKAGE, "problems", "hparams", "bin"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name if top == PACKAGE else f"{PACKAGE}.{name}", path


def imported(path: pathlib.Path):
    """Modules of the package that a file imports, in functions as well; names only used for types are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    known = {name for name, _ in modules()}
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(PACKAGE))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module


def test_every_module_stands_on_a_floor():
    assert [name for name, _ in modules() if floor(name) is None] == [PACKAGE]


def test_imports_go_downward():
    upward = [
        f"{name} -> {other}"
        for name, path in modules()
        for other in imported(path)
        if floor(name) is not None and floor(other) is not None and floor(other) > floor(name)
    ]
    assert upward == []


def test_no_folder_has_more_than_sixteen_modules():
    counts = {}
    for _, path in modules():
        counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > 17} == {}
