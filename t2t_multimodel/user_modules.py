"""Modules of `--t2t_usr_dir`, loaded by path under a private package name.

A file that is named like a module of Python or of another package (``random.py``) hides neither, and is not hidden
by it. The user's modules can import one another by their plain names all the same.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pathlib
import re
import sys
import traceback
import types

from t2t_multimodel import paths
from t2t_multimodel.errors import MultiModelError, UserModuleError

PREFIX = "t2t_usr_dir_"

_folders: list[pathlib.Path] = []


def folders() -> list[str]:
    """The folders that were imported, in this order."""
    return [str(folder) for folder in _folders]


def import_folders(names: list[str]) -> None:
    """Imports folders as another process did; a worker that was not forked needs it to read what it is sent."""
    for name in names:
        import_folder(name)


def import_folder(path: str) -> None:
    """Imports all modules of a folder, or the folder as a package where it has an ``__init__.py``.

    A second call for the same folder does nothing.

    Raises:
        UserModuleError: it is not a folder, or a module cannot be imported; the line names file and line.
    """
    folder = pathlib.Path(paths.resolve(path)).resolve()
    if not folder.is_dir():
        raise UserModuleError(f"--t2t_usr_dir={path} is not a folder; name the folder that holds your problem modules")
    if folder in _folders:
        return
    package = PREFIX + hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    names = _Aliases(folder, package)
    sys.meta_path.insert(0, names)
    sys.meta_path.append(names.last)
    try:
        _import_modules(folder, package)
    except BaseException:
        sys.meta_path.remove(names)
        sys.meta_path.remove(names.last)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        raise
    _folders.append(folder)


def _import_modules(folder: pathlib.Path, package: str) -> None:
    if (folder / "__init__.py").exists():
        _load(package, folder / "__init__.py", folder)
        return
    module = types.ModuleType(package)
    module.__path__ = [str(folder)]
    sys.modules[package] = module
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("."):  # files of editors and of other systems
            stem = re.sub(r"[^\w-]", "_", file.stem)
            _load(f"{package}.{stem}", file, folder)


def _load(name: str, file: pathlib.Path, folder: pathlib.Path) -> None:
    """Imports one file; whatever goes wrong names the line of the user's folder."""
    if name in sys.modules:
        return  # another module of the folder imported it
    submodules = [str(folder)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=submodules)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except MultiModelError:
        raise
    except (Exception, SystemExit) as error:
        raise UserModuleError(_in_words(error, file, folder)) from error


def _in_words(error: BaseException, file: pathlib.Path, folder: pathlib.Path) -> str:
    """File, line and error in one line."""
    if isinstance(error, SyntaxError) and error.filename:
        place, words = f"{error.filename}, line {error.lineno}", f"{type(error).__name__}: {error.msg}"
    else:
        place, words = _place(error, [folder]) or str(file), _name_and_text(error)
    return f"--t2t_usr_dir: {place}: {words}; mend the file, or move it out of the folder"


def blame(error: BaseException) -> str | None:
    """File, line and error in one line where a module of the user's raised it, or called what did; else None."""
    place = _place(error, _folders)
    return f"--t2t_usr_dir: {place}: {_name_and_text(error)}; mend the file" if place else None


def _place(error: BaseException, folders: list[pathlib.Path]) -> str | None:
    """The innermost line of files in `folders` that an error passed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(folder in pathlib.Path(frame.filename).parents for folder in folders):
            return f"{frame.filename}, line {frame.lineno}"
    return None


def _name_and_text(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split()) if str(error) else type(error).__name__


class _Aliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of a user's folder by their plain names, as the private modules that they are.

    Args:
        folder: the user's.
        package: its private name.

    Attributes:
        last: the same for top-level names, to be asked when nobody else knows a name.
    """

    def __init__(self, folder: pathlib.Path, package: str):
        self._package, self._is_package = package, (folder / "__init__.py").exists()
        self._folder, self.last = folder, _Last(self)
        self._specs: dict[str, importlib.machinery.ModuleSpec | None] = {}

    def find_spec(self, name, path=None, target=None):
        """Submodules of a name that is an alias already."""
        del path, target
        root, dot, rest = name.partition(".")
        module = sys.modules.get(root)
        if not dot or not self._is_package or root == self._package or module is not sys.modules.get(self._package):
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=f"{self._package}.{rest}") if module else None

    def find_top(self, name: str):
        """A top-level name that is the package itself, or a file of the folder."""
        if self._is_package:
            private = self._package if name == self._folder.name else None
        else:
            private = f"{self._package}.{name}" if (self._folder / f"{name}.py").is_file() else None
        return importlib.machinery.ModuleSpec(name, self, origin=private) if private else None

    def create_module(self, spec):
        """The private module."""
        module = importlib.import_module(spec.origin)
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module):
        """Gives the module back the spec that it was loaded by."""
        module.__spec__ = self._specs.pop(module.__spec__.name)


class _Last(importlib.abc.MetaPathFinder):
    def __init__(self, names: _Aliases):
        self._names = names

    def find_spec(self, name, path=None, target=None):
        """A top-level name that no other finder knows."""
        del path, target
        return None if "." in name else self._names.find_top(name)
