import configparser
import pathlib

import pytest
from packaging.requirements import Requirement

_ROOT = pathlib.Path(__file__).parents[1]


def _options() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(_ROOT / "setup.cfg", encoding="utf-8")
    return parser["options"]


def _package_folders() -> dict[str, pathlib.Path]:
    """Package name to its folder, of every folder with modules."""
    found = {}
    for line in _options()["package_dir"].strip().splitlines():
        package, _, root = line.partition(" = ")
        for folder in sorted({module.parent for module in (_ROOT / root).rglob("*.py")}):
            found[".".join([package, *folder.relative_to(_ROOT / root).parts])] = folder
    return found


def test_setup_lists_every_package_folder_once():
    folders = _package_folders()
    assert "t2t_multimodel.problems.readers" in folders and len(folders) > 20
    assert sorted(_options()["packages"].split()) == sorted(folders)


def test_package_folders_have_an_init_module():
    assert [str(folder) for folder in _package_folders().values() if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_each_python_gets_one_requirement_of_each_library(python):
    requirements = [Requirement(line) for line in _options()["install_requires"].strip().splitlines()]
    chosen = [one for one in requirements if one.marker is None or one.marker.evaluate({"python_version": python})]
    names = [one.name for one in chosen]
    assert len(names) == len(set(names)) and {"tensorflow", "tensorflow-text", "numpy"} <= set(names)
    # tensorflow-text is built for one minor version of TensorFlow.
    minor = {one.name: str(one.specifier).removeprefix("==").rpartition(".")[0] for one in chosen}
    assert minor["tensorflow"] == minor["tensorflow-text"]
