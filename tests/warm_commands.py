"""Runs commands and code in processes that begin with TensorFlow imported, which saves seconds for each."""

import importlib
import multiprocessing
import os
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Callable

from tests.conftest import SMALL, TINY_HPARAMS

_SIZES = "train_examples=40,dev_examples=8,test_examples=6"
_SUITE = "mini_translate_ende,mini_parsing,mini_image_class"  # in the place of the nine problems
_SEARCH = "--decode_hparams=extra_length=4"
# Flags that follow those of the page and take their place.
_SHORT = {
    "t2t-trainer": ["--train_steps=2", "--eval_steps=1"],
    "t2t-eval": ["--eval_steps=1", "--decode_examples=2", "--bootstrap_resamples=10"],
}
_PRELOADED = [
    "tensorflow",
    "tensorflow_text",
    "keras",
    "t2t_multimodel.training.trainer",
    "t2t_multimodel.trained_model",
]


def with_small_model(words: list[str]) -> list[str]:
    """The command on a mini suite of three problems, with a model that takes seconds; what the page sets stays."""
    name, *flags = words
    given = _values(flags)
    if name in ("t2t-trainer", "t2t-eval") and given.get("problem") == "mini":
        flags.append(f"--problem={_SUITE}")
    if name == "t2t-trainer" and "describe" not in given:
        flags.append("--hparams=" + ",".join(filter(None, [TINY_HPARAMS, SMALL, given.get("hparams")])))
    return [name, *flags]


def shortened(words: list[str]) -> list[str]:
    """The command on few data and steps, with a mini suite and models that take seconds."""
    name, *flags = with_small_model(words)
    given = _values(words[1:])
    flags += _SHORT.get(name, [])
    if name == "t2t-datagen" and given.get("problem", "").startswith("mini"):
        flags.append(f"--problem_options={_SIZES}")
    if name in ("t2t-decoder", "t2t-eval"):
        flags.append(f"{_SEARCH},{given['decode_hparams']}" if "decode_hparams" in given else _SEARCH)
    return [name, *flags]


def _values(flags: list[str]) -> dict[str, str]:
    return dict(flag.lstrip("-").partition("=")[::2] for flag in flags)


def run_line(line: str, folder: pathlib.Path, change: Callable[[list[str]], list[str]] = list) -> str:
    """Runs a line of a page in a folder and returns what it printed; it must end with status 0.

    Args:
        line: a command of ours, or a line for the shell.
        folder: where it is run.
        change: gives the words of a command of ours that are run in the place of the page's.
    """
    if not line.startswith("t2t-"):
        return subprocess.run(line, shell=True, cwd=folder, check=True, capture_output=True, text=True).stdout
    return _run(_command, change(shlex.split(line)), folder)


def run_python(code: str, folder: pathlib.Path) -> str:
    """Runs code in a folder and returns what it printed; it must end with status 0."""
    return _run(_code, code, folder)


def _run(target: Callable, given: str | list[str], folder: pathlib.Path) -> str:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    log = pathlib.Path(folder) / "printed.log"
    process = context.Process(target=_in_folder, args=(target, given, str(folder), str(log)))
    process.start()
    process.join()
    printed = log.read_text(encoding="utf-8")
    assert process.exitcode == 0, f"{given}\n{printed[-4000:]}"
    return printed


def _in_folder(target: Callable, given: str | list[str], folder: str, log: str) -> None:
    with open(log, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(folder)
    target(given)


def _command(words: list[str]) -> None:
    sys.argv = words
    importlib.import_module(f"t2t_multimodel.bin.{words[0].replace('-', '_')}").run()


def _code(code: str) -> None:
    exec(compile(code, "code of the page", "exec"), {"__name__": "__main__"})
