"""Registered names: problems, suites and hparams sets, loaded lazily.

A module registers a name with a literal string, `@register_problem("wsj_parsing")`, so that the name is found
by reading the source and only the module that holds it is imported. User modules (``--t2t_usr_dir``) and the
entry-point group ``t2t_multimodel.problems`` register the same way when they are imported.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from t2t_multimodel import user_modules
from t2t_multimodel.errors import MultiModelError, UnknownNameError, UserModuleError

_ENTRY_POINT_GROUP = "t2t_multimodel.problems"


class Registry:
    """Names of one kind, found in the sources of one package.

    Args:
        kind: what the names stand for, used in error messages, e.g. ``"problem"``.
        package: the package whose modules register such names.
        function: name of the registering function as the sources write it.
        rival: another registry whose names must differ, since users give names of both in one flag.
    """

    def __init__(self, *, kind: str, package: str, function: str, rival: Registry | None = None):
        self.kind = kind
        self.package = package
        self._pattern = re.compile(rf"\b{function}\(\s*[\"']([\w]+)[\"']")
        self._values: dict[str, Any] = {}
        self._registered: dict[str, str] = {}
        self._rivals: list[Registry] = []
        if rival is not None:
            self._rivals.append(rival)
            rival._rivals.append(self)

    @functools.cached_property
    def _modules(self) -> dict[str, str]:
        """Name to module, read from the package's sources without importing them."""
        spec = importlib.util.find_spec(self.package)
        found = {}
        for folder in map(pathlib.Path, spec.submodule_search_locations or ()):
            for path in sorted(folder.rglob("*.py")):
                parts = path.relative_to(folder).with_suffix("").parts
                module = ".".join([self.package, *(part for part in parts if part != "__init__")])
                for name in self._pattern.findall(path.read_text(encoding="utf-8")):
                    found[name] = module
        return found

    def add(self, name: str, value: Any, module: str | None = None) -> None:
        """Registers `value`.

        Args:
            name: its name.
            value: the object.
            module: name of the module that registers it, by default the one that defines `value`. A module may register
                a name again, e.g. when reloaded.

        Raises:
            MultiModelError: another module registered the name, or another kind that users name in the same flag.
        """
        module = module or getattr(value, "__module__", "")
        for registry in (self, *self._rivals):
            known = registry.module_of(name)
            if known is not None and (registry is not self or not _same_module(known, module)):
                raise MultiModelError(
                    f"{self.kind} {name!r} of {_place(module)} is already a {registry.kind} of {_place(known)};"
                    " rename one of the two"
                )
        self._values[name] = value
        self._registered[name] = module

    def module_of(self, name: str) -> str | None:
        """Name of the module that registers `name`, imported or not; None where the name is free."""
        return self._registered.get(name) or self._modules.get(name)

    def names(self) -> list[str]:
        """All registered names, sorted; imports nothing of the package."""
        _load_entry_points()
        return sorted({*self._values, *self._modules})

    def __contains__(self, name: str) -> bool:
        return name in self._values or name in self._modules or name in self.names()

    def get(self, name: str) -> Any:
        """The registered object; imports the module that holds it if needed.

        Raises:
            UnknownNameError: the name is not registered; the nearest names are suggested.
        """
        if name not in self._values and name in self._modules:
            importlib.import_module(self._modules[name])
        if name not in self._values:
            _load_entry_points()
        if name not in self._values:
            raise UnknownNameError(unknown_name_message(self.kind, name, self.names()))
        return self._values[name]


def unknown_name_message(kind: str, name: str, known: Iterable[str]) -> str:
    """One line that names the unknown name and the nearest known ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} {name!r}; {hint}{_where_else(kind)}"


def _where_else(kind: str) -> str:
    """Says where names of the user's own come from."""
    if kind not in ("problem", "problem or suite", "hparams set", "modality"):
        return ""
    if folders := user_modules.folders():
        return f" (--t2t_usr_dir={','.join(folders)} does not register it)"
    return " (for one of your own give --t2t_usr_dir=FOLDER)"


def _same_module(one: str, other: str) -> bool:
    """Whether two module names stand for one file: it may be imported under two names, e.g. as ``__main__``."""
    return one == other or _file(one) == _file(other) != ""


def _file(module: str) -> str:
    """Path of a module's source, "" where it has none; imports at most the module's parent packages."""
    if module in sys.modules:
        return getattr(sys.modules[module], "__file__", None) or ""
    try:
        spec = importlib.util.find_spec(module)
    except (ModuleNotFoundError, ValueError):
        return ""
    return (spec.origin or "") if spec is not None else ""


def _place(module: str) -> str:
    path = _file(module)
    if path and module.startswith(user_modules.PREFIX):
        return path
    return f"{module} ({path})" if path else module


_problems = Registry(kind="problem", package="t2t_multimodel.problems", function="register_problem")
_suites = Registry(kind="suite", package="t2t_multimodel.problems", function="register_suite", rival=_problems)
_hparams_sets = Registry(kind="hparams set", package="t2t_multimodel.hparams", function="register_hparams")
_modalities = Registry(kind="modality", package="t2t_multimodel.modalities", function="register_modality")


def register_problem(name: str) -> Callable[[type], type]:
    """Class decorator: registers a Problem under `name` and sets its ``name`` attribute.

    The decorator raises a MultiModelError where another module registered the name.

    Example:
        @register_problem("my_problem")
        class MyProblem(Problem): ...
    """

    def decorate(cls: type) -> type:
        _problems.add(name, cls)
        cls.name = name
        return cls

    return decorate


def register_suite(name: str, problems: Iterable[str]) -> None:
    """Registers a named list of problems, usable wherever ``--problem`` is.

    Args:
        name: of the suite.
        problems: names of its problems.

    Raises:
        MultiModelError: another module registered the name, or it is the name of a problem.

    Example:
        register_suite("my_suite", ["wsj_parsing", "my_problem"])
    """
    _suites.add(name, tuple(problems), sys._getframe(1).f_globals.get("__name__", ""))


def register_hparams(name: str) -> Callable[[Callable], Callable]:
    """Function decorator: registers a function without arguments that returns an HParams.

    The decorator raises a MultiModelError where another module registered the name.

    Example:
        @register_hparams("my_set")
        def my_set():
            return HParams().override(body__depth=128)
    """

    def decorate(function: Callable) -> Callable:
        _hparams_sets.add(name, function)
        return function

    return decorate


def register_modality(name: str) -> Callable[[type], type]:
    """Class decorator: registers the spec of a modality under `name` and sets its ``modality`` attribute.

    The decorator raises a MultiModelError where another module registered the name.

    Example:
        @register_modality("sensor")
        @dataclasses.dataclass(frozen=True)
        class SensorSpec(InputSpec): ...
    """

    def decorate(cls: type) -> type:
        _modalities.add(name, cls, cls.__module__)
        cls.modality = name
        return cls

    return decorate


def spec_from_config(config: Mapping[str, Any]) -> Any:
    """The spec of a problem's side from what its `get_config` gave.

    Raises:
        UnknownNameError: no modality of that name is registered.
    """
    fields = dict(config)
    return _modalities.get(fields.pop("modality"))(**fields)


def problem(name: str) -> Any:
    """A new instance of the problem registered as `name`."""
    return _problems.get(name)()


def problem_names() -> list[str]:
    """Names of all registered problems."""
    return _problems.names()


def suite_names() -> list[str]:
    """Names of all registered suites."""
    return _suites.names()


def hparams_names() -> list[str]:
    """Names of all registered hparams sets."""
    return _hparams_sets.names()


def hparams(name: str) -> Any:
    """The HParams of a registered set."""
    return _hparams_sets.get(name)()


def expand_problems(text: str) -> list[str]:
    """Names in a ``--problem`` value: a problem, a suite, or a comma-separated list of both.

    Raises:
        UnknownNameError: a name is neither a problem nor a suite.
        MultiModelError: the list is empty.
    """
    names: list[str] = []
    for item in (part.strip() for part in text.split(",")):
        if not item:
            continue
        if item in _suites:
            names.extend(_suites.get(item))
        elif item in _problems:
            names.append(item)
        else:
            raise UnknownNameError(unknown_name_message("problem or suite", item, [*problem_names(), *suite_names()]))
    if not names:
        raise MultiModelError("no problem named; give --problem=NAME, a suite, or a comma-separated list")
    return list(dict.fromkeys(names))


def import_usr_dir(path: str) -> None:
    """Imports a user's module or package folder so that what it registers can be named.

    Raises:
        UserModuleError: the folder does not exist, or a module cannot be imported; the line names file and line.
    """
    user_modules.import_folder(path)


@functools.cache
def _load_entry_points() -> None:
    for entry in importlib.metadata.entry_points(group=_ENTRY_POINT_GROUP):
        try:
            entry.load()
        except MultiModelError:
            raise
        except Exception as error:
            raise UserModuleError(
                f"{entry.value}, a module of the entry-point group {_ENTRY_POINT_GROUP}, cannot be imported"
                f" ({type(error).__name__}: {error}); update or uninstall its package"
            ) from error
