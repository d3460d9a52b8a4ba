"""What all commands share: flags, errors as one line, help without importing TensorFlow."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging

from t2t_multimodel import paths, process, registry, user_modules
from t2t_multimodel.errors import MultiModelError
from t2t_multimodel.hparams.base import HParams

FLAGS = flags.FLAGS
_PACKAGE = "t2t_multimodel.bin"

flags.DEFINE_bool("debug", False, "Also print where in the program an error happened.")


# Flags whose paths may be in an object store.
_IN_STORES = (
    "data_dir",
    "output_dir",
    "checkpoint_path",
    "warm_start_from",
    "decode_from_file",
    "decode_to_file",
    "score_file",
    "subwords_file",
)


class _PathParser(flags.ArgumentParser):
    """A path; `~` is the home folder.

    Args:
        name: of the flag.
    """

    def __init__(self, name: str):
        super().__init__()
        self._in_stores = name in _IN_STORES

    def parse(self, argument: str) -> str:
        if paths.is_remote(argument) and not self._in_stores:
            raise ValueError("an object store is not written or read here; give a path of this machine")
        return paths.resolve(argument)

    def flag_type(self) -> str:
        return "path"


def define_path(name: str, help_text: str, default: str | None = None) -> None:
    """Defines a flag that is a path."""
    flags.DEFINE(_PathParser(name), name, default, help_text, serializer=flags.ArgumentSerializer())


def define_problem_flags() -> None:
    """Flags that tell which problems, where their data are, and how to generate them."""
    flags.DEFINE_string("problem", None, "A problem, a suite, or a comma-separated list of both.")
    define_path("data_dir", "Folder of the generated data.")
    flags.DEFINE_string("source_dir", None, "Raw corpora: FOLDER, or PROBLEM=FOLDER,PROBLEM=FOLDER.")
    define_path("tmp_dir", "Scratch and downloads; <data_dir>/tmp unless given.")
    flags.DEFINE_string("problem_options", "", "name=value,problem.name=value")
    flags.DEFINE_integer("random_seed", 0, "Seed of all that is random.", lower_bound=0)
    flags.DEFINE_bool("strict", False, "Stop at the first damaged example instead of counting and skipping it.")
    define_path("t2t_usr_dir", "A folder with your own problem modules.")
    flags.DEFINE_bool("registry_help", False, "List all problems, suites and hparams sets, and stop.")


def define_model_flags() -> None:
    """Flags of the commands that use a trained model."""
    define_path("output_dir", "The training run.")
    define_path("checkpoint_path", "best, latest, average, ema, or a checkpoint of it; the newest unless given.")
    flags.DEFINE_string("decode_hparams", "", "beam_size=1,alpha=0.6,batch_size=32,extra_length=100,...")


def run_main(main: Callable[[Sequence[str]], object], *, arguments: bool = False) -> None:
    """Runs a command: an error is printed as one line and gives exit status 1.

    Args:
        main: called with the arguments that are no flags, the command's name first.
        arguments: whether it takes such arguments.
    """
    if {"--help", "-help", "-h", "--helpshort"} & set(sys.argv[1:]):
        print(_help(main))
        return
    process.prepare()
    try:
        app.run(lambda argv: _guarded(main, argv, arguments), flags_parser=_parse_flags)
    except SystemExit as leaving:
        process.leave(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))
        raise


def _parse_flags(argv: Sequence[str]) -> Sequence[str]:
    try:
        return FLAGS(argv)
    except (flags.Error, MultiModelError) as error:
        _print_error(f"{str(error).rstrip('.')}; {os.path.basename(argv[0])} --help lists the flags")
        sys.exit(1)


def prepare() -> None:
    """Imports the user's problem modules, if any were named."""
    if FLAGS.t2t_usr_dir:
        registry.import_usr_dir(FLAGS.t2t_usr_dir)


def require(*names: str) -> None:
    """Raises a MultiModelError if one of the flags is not given."""
    for name in names:
        if not FLAGS[name].value:
            raise MultiModelError(f"--{name} is missing; give --{name}={name.upper()}")


def require_output(**given: str | None) -> None:
    """Checks folders that a command will write, before it works; those not given are skipped.

    Raises:
        PathError: a folder can neither be written nor be made.
    """
    for name, path in given.items():
        if path:
            paths.check_output_folder(path, f"--{name}")


def require_input(**given: str | None) -> None:
    """Checks folders that a command will read, before it works; those not given are skipped.

    Raises:
        PathError: a file stands in the place of a folder, or it cannot be read.
    """
    for name, path in given.items():
        if path:
            paths.check_input_folder(path, f"--{name}")


def hparams() -> HParams:
    """The set of --hparams_set with --hparams, checked."""
    return registry.hparams(FLAGS.hparams_set).override(FLAGS.hparams).check()


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


def _guarded(main: Callable[[Sequence[str]], object], argv: Sequence[str], arguments: bool) -> int:
    if not FLAGS["verbosity"].present:  # absl would show notices of information
        logging.set_verbosity(logging.WARNING)
    try:
        if len(argv) > 1 and not arguments:
            raise MultiModelError(f"unexpected argument {argv[1]!r}; flags start with --")
        main(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the border: whatever happens becomes one line
        if FLAGS.debug:
            traceback.print_exc()
        _print_error(_in_words(error))
        return 1
    return 0


def _print_error(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)


def _in_words(error: Exception) -> str:
    """What an error says to the user: cause and cure, or that the program is at fault."""
    if isinstance(error, MultiModelError):
        return str(error)
    if isinstance(error, OSError):
        return paths.describe_os_error(error)
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    return (
        user_modules.blame(error)
        or _tensorflow_in_words(error)
        or (
            f"a fault of this program, not of yours ({type(error).__name__}: {_shortened(str(error))});"
            " run it again with --debug and report what it prints"
        )
    )


_NO_MEMORY = (
    "memory ran out; give smaller batches (batching.batch_tokens, batching.image_batch, batching.audio_batch_seconds,"
    " or batch_size in --decode_hparams), fewer workers, or a smaller model"
)


def _tensorflow_in_words(error: Exception) -> str | None:
    """What an error of TensorFlow says of files and memory; None for all others."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    kinds, reason = tensorflow.errors, _shortened(error.message)
    if isinstance(error, kinds.ResourceExhaustedError):
        return f"{reason}; free some space and run again" if "space" in reason else _NO_MEMORY
    if isinstance(error, kinds.DataLossError):
        return f"a file is damaged ({reason}); restore it or make it again"
    if isinstance(error, kinds.NotFoundError | kinds.PermissionDeniedError) or "a directory" in reason:
        return f"a file cannot be read or written ({reason}); check the path and its permissions"
    return None


def _shortened(message: str, limit: int = 300) -> str:
    line = " ".join(message.split())
    return line if len(line) <= limit else line[:limit] + "..."


def _help(main: Callable) -> str:
    lines = [(sys.modules[main.__module__].__doc__ or "").strip(), "", "flags:"]
    for module, defined in FLAGS.flags_by_module_dict().items():
        if module.startswith(_PACKAGE) or module in ("__main__", sys.argv[0]):
            for flag in defined:
                default = "" if flag.default in (None, "") else f" (default: {flag.default_as_str})"
                lines.append(f"  --{flag.name}: {flag.help}{default}")
    return "\n".join(lines)
