"""Every path flag of every command: missing, a file, a folder, read-only, `~`, blanks and umlauts; never a trace."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import SMALL, TINY_HPARAMS

# Runs all cases of one command in one process: TensorFlow is loaded once.
DRIVER = """
import contextlib, importlib, io, json, os, sys
from absl import flags
from t2t_multimodel.bin import cli

module, cases, read_only, home = json.load(sys.stdin)
command = importlib.import_module("t2t_multimodel.bin." + module)
command.define_flags()
os.environ["HOME"] = home
may = os.access
real = os.path.realpath(read_only)
os.access = lambda path, mode, **more: (
    not (mode & os.W_OK and os.path.realpath(path).startswith(real)) and may(path, mode, **more)
)
results = []
for case in cases:
    flags.FLAGS.unparse_flags()
    sys.argv = [module, *case]
    out, err, status = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.run_main(command.main)
        except SystemExit as done:
            status = done.code
    results.append([status or 0, out.getvalue(), err.getvalue()])
json.dump(results, sys.stdout)
"""

DATAGEN = ["--problem=sweep_words", "--num_workers=1", "--num_shards=1", "--vocab_size=300"]
USER = """
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.modalities import SymbolSpec
from t2t_multimodel.registry import register_problem

@register_problem("sweep_words")
class Words(Problem):
    inputs = SymbolSpec()
    targets = SymbolSpec()
    command = "to_sweep"
    source_help = "give --source_dir=FOLDER with text.txt"

    def examples(self, split, source):
        for line in (self.require_source(source) / "text.txt").read_text(encoding="utf-8").splitlines():
            yield {"inputs": line, "targets": line}
"""

# Command: flags that make it succeed, then its path flags. "{...}" are places of the fixture.
COMMANDS = {
    "t2t_datagen": (
        [
            *DATAGEN, "--overwrite", "--t2t_usr_dir={usr}", "--source_dir={source}", "--data_dir={new}",
            "--tmp_dir={tmp}",
        ],
        ["data_dir", "source_dir", "tmp_dir", "t2t_usr_dir"],
    ),
    "t2t_inspect": (
        ["--problem=mini_parsing", "--data_dir={data}", "--examples=1", "--html={new}/p.html", "--to_dir={new}"],
        ["data_dir", "html", "to_dir", "t2t_usr_dir"],
    ),
    "t2t_vocab": (
        ["--action=coverage", "--data_dir={data}", "--file={source}/text.txt"],
        ["data_dir", "file", "to_dir"],
    ),
    "t2t_vocab extend": (
        ["--action=extend", "--data_dir={data}", "--pieces=octagon", "--to_dir={new}/extended"],
        ["data_dir", "to_dir"],
    ),
    "t2t_vocab build": (
        ["--action=build", "--file={source}/text.txt", "--vocab_size=300", "--to_dir={new}/built"],
        ["file", "to_dir"],
    ),
    "t2t_vocab subwords": (["--subwords_file={source}/text.txt"], ["subwords_file"]),
    "t2t_trainer": (
        [
            "--problem=mini_parsing", "--data_dir={data}", "--output_dir={new}/run", "--hparams_set=multimodel_mini",
            f"--hparams={TINY_HPARAMS},{SMALL}", "--train_steps=0", "--eval_steps=1",
        ],
        ["data_dir", "output_dir", "warm_start_from"],
    ),
    "t2t_eval": (
        ["--problem=mini_parsing", "--data_dir={data}", "--output_dir={run}", "--eval_steps=1", "--nodecode"],
        ["data_dir", "output_dir", "checkpoint_path", "report"],
    ),
    "t2t_decoder": (
        [
            "--problem=mini_parsing", "--data_dir={data}", "--output_dir={run}", "--decode_from_file={source}/text.txt",
            "--decode_to_file={new}/out.txt", "--decode_hparams=extra_length=1",
        ],
        ["data_dir", "output_dir", "checkpoint_path", "decode_from_file", "decode_to_file"],
    ),
    "t2t_decoder scores": (
        ["--problem=mini_parsing", "--output_dir={run}", "--score_file={source}/pairs.tsv"],
        ["score_file"],
    ),
}  # fmt: skip

# What a flag is set to. The folder "blank ü" holds links to all that works.
WRONG = {
    "missing": "{base}/no/such/place",
    "a file": "{base}/file",
    "below a file": "{base}/file/x",
    "a folder": "{base}",
    "an empty folder": "{base}/empty",
    "read-only": "{base}/read_only/x",
    "no place at all": "/proc/no_such/place",
    "no user": "~no_user_of_that_name/x",
    "a long name": "{base}/" + "x" * 300,
    "empty": "",
    "null device": "/dev/null",
}


SLOW = ("t2t_trainer", "t2t_eval", "t2t_decoder")  # some cases build the model
NAMES = [pytest.param(name, marks=[pytest.mark.slow] * (name.split()[0] in SLOW)) for name in COMMANDS]


@pytest.fixture(scope="module")
def places(mini_data, tmp_path_factory):
    base = tmp_path_factory.mktemp("sweep")
    home = base / "blank ü"
    for folder in (home / "usr", home / "source", home / "new", home / "swept", base / "empty", base / "read_only"):
        folder.mkdir(parents=True)
    (base / "file").write_text("")
    (home / "usr" / "sweep_words.py").write_text(USER)
    (home / "source" / "text.txt").write_text("a small red circle is here\nein großer Kreis ist hier\n" * 20)
    (home / "source" / "pairs.tsv").write_text("a circle\t(S (NP (DT a) (NN circle)))\n")
    shutil.copytree(mini_data, home / "data")
    return base, home


def add_run(places, request, module):
    """The commands of trained models get one."""
    if module in SLOW and not (places[1] / "run").exists():
        shutil.copytree(request.getfixturevalue("small_run"), places[1] / "run")


def sweep(places, module, cases, new="new"):
    base, home = places
    names = {name: f"{home}/{name}" for name in ("usr", "source", "tmp", "data", "run")} | {"new": f"{home}/{new}"}
    filled = [[flag.format(base=base, **names) for flag in case] for case in cases]
    task = json.dumps([module, filled, f"{base}/read_only", str(home)])
    command = [sys.executable, "-c", DRIVER]
    done = subprocess.run(command, input=task, cwd=base, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", NAMES)
def test_no_path_gives_a_trace(places, command, request):
    module, (good, names) = command.split()[0], COMMANDS[command]
    add_run(places, request, module)
    cases = [[*good, f"--{name}={value}"] for name in names for value in WRONG.values()]
    for case, (status, _, errors) in zip(cases, sweep(places, module, cases, new="swept")):
        assert status in (0, 1), case
        assert "Traceback" not in errors and "a fault of this program" not in errors, (case, errors)
        lines = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert len(lines) == status, (case, errors)
        assert all(";" in line for line in lines), (case, errors)  # cause; cure


@pytest.mark.parametrize("command", [name for name in NAMES if name.values != ("t2t_vocab subwords",)])
def test_home_blanks_and_umlauts_work(places, command, request):
    """First with the folder's name, which has a blank and an umlaut, then with it as the home folder."""
    base, home = places
    module, (good, _) = command.split()[0], COMMANDS[command]
    add_run(places, request, module)
    homely = [flag.replace("{", "~/").replace("}", "") for flag in good]
    if "extended" in good[-1] or "built" in good[-1]:  # what was made is not made again
        homely[-1] += "_at_home"
    for status, _, errors in sweep(places, module, [good, homely]):
        assert status == 0, errors
    assert not (base / "~").exists() and not (home / "~").exists()
