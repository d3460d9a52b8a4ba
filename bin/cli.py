"""What all commands share: flags, errors as one line, help without importing TensorFlow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging

from t2t_multimodel import process, registry
from t2t_multimodel.errors import MultiModelError

FLAGS = flags.FLAGS
_PACKAGE = "t2t_multimodel.bin"


def define_problem_flags() -> None:
    """Flags that tell which problems, where their data are, and how to generate them."""
    flags.DEFINE_string("problem", None, "A problem, a suite, or a comma-separated list of both.")
    flags.DEFINE_string("data_dir", None, "Folder of the generated data.")
    flags.DEFINE_string("source_dir", None, "Raw corpora: FOLDER, or PROBLEM=FOLDER,PROBLEM=FOLDER.")
    flags.DEFINE_string("tmp_dir", None, "Scratch and downloads; <data_dir>/tmp unless given.")
    flags.DEFINE_string("problem_options", "", "name=value,problem.name=value")
    flags.DEFINE_integer("random_seed", 0, "Seed of all that is random.", lower_bound=0)
    flags.DEFINE_bool("strict", False, "Stop at the first damaged example instead of counting and skipping it.")
    flags.DEFINE_string("t2t_usr_dir", None, "A folder with your own problem modules.")
    flags.DEFINE_bool("registry_help", False, "List all problems, suites and hparams sets, and stop.")


def define_model_flags() -> None:
    """Flags of the commands that use a trained model."""
    flags.DEFINE_string("output_dir", None, "The training run.")
    flags.DEFINE_string("checkpoint_path", None, "A checkpoint of it; the newest unless given.")
    flags.DEFINE_string("decode_hparams", "", "batch_size=32,extra_length=100")


def run_main(main: Callable[[Sequence[str]], object]) -> None:
    """Runs a command: the project's errors are printed as one line and give exit status 1.

    Args:
        main: called with the arguments that are no flags, the command's name first.
    """
    if {"--help", "-help", "-h", "--helpshort"} & set(sys.argv[1:]):
        print(_help(main))
        return
    process.prepare()
    app.run(lambda argv: _guarded(main, argv))


def prepare() -> None:
    """Imports the user's problem modules, if any were named."""
    if FLAGS.t2t_usr_dir:
        registry.import_usr_dir(FLAGS.t2t_usr_dir)


def require(*names: str) -> None:
    """Raises a MultiModelError if one of the flags is not given."""
    for name in names:
        if not FLAGS[name].value:
            raise MultiModelError(f"--{name} is missing; give --{name}={name.upper()}")


def print_registry() -> None:
    """Prints the names of all problems, suites and hparams sets."""
    prepare()
    kinds = {
        "Problems": registry.problem_names(),
        "Suites": registry.suite_names(),
        "Hparams sets": registry.hparams_names(),
    }
    for kind, names in kinds.items():
        print(f"{kind}:", *names, sep="\n  ")


def generate(problems: Sequence[str]) -> None:
    """Generates `problems` as the flags say; those that are complete are left as they are."""
    from t2t_multimodel.api import generate_data
    from t2t_multimodel.data.generation import engine

    generate_data(
        problems,
        data_dir=FLAGS.data_dir,
        source_dir=engine.parse_source_dir(FLAGS.source_dir),
        tmp_dir=FLAGS.tmp_dir,
        seed=FLAGS.random_seed,
        num_shards=_value("num_shards", engine.DEFAULT_SHARDS),
        num_workers=_value("num_workers", 0),
        vocab_size=_value("vocab_size", None),
        options=FLAGS.problem_options,
        strict=FLAGS.strict,
        overwrite=_value("overwrite", False),
        beam_options=_beam_options(),
    )


def _beam_options() -> list[str] | None:
    """Options of Beam's runner, or None where Beam is not asked for."""
    options = [option for option in _value("pipeline_options", "").split(",") if option]
    if _value("pipeline", "local") == "beam":
        return options
    if options:
        raise MultiModelError("--pipeline_options are for --pipeline=beam; give both or neither")
    return None


def _value(name: str, default: Any) -> Any:
    """A flag's value, or `default` where the command does not define it."""
    return FLAGS[name].value if name in FLAGS else default


def _guarded(main: Callable[[Sequence[str]], object], argv: Sequence[str]) -> int:
    if not FLAGS["verbosity"].present:  # absl would show notices of information
        logging.set_verbosity(logging.WARNING)
    try:
        if len(argv) > 1:
            raise MultiModelError(f"unexpected argument {argv[1]!r}; flags start with --")
        main(argv)
        sys.stdout.flush()
    except MultiModelError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _help(main: Callable) -> str:
    lines = [(sys.modules[main.__module__].__doc__ or "").strip(), "", "flags:"]
    for module, defined in FLAGS.flags_by_module_dict().items():
        if module.startswith(_PACKAGE) or module in ("__main__", sys.argv[0]):
            for flag in defined:
                default = "" if flag.default in (None, "") else f" (default: {flag.default_as_str})"
                lines.append(f"  --{flag.name}: {flag.help}{default}")
    return "\n".join(lines)
