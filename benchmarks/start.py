"""Time until work begins: `t2t-trainer --help`, and the first finished step of a run.

python -m benchmarks start --data_dir=data/mini --problem=mini --hparams_set=multimodel_mini
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

TRAINER = (sys.executable, "-m", "t2t_multimodel.bin.t2t_trainer")


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="benchmarks start", description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--problem", default="mini")
    parser.add_argument("--hparams_set", default="multimodel_mini")
    parser.add_argument("--hparams", default="")
    options = parser.parse_args(arguments)
    print("| from command to | s |", "|---|---|", sep="\n")
    print(f"| end of --help | {seconds('--help'):.2f} |")
    with tempfile.TemporaryDirectory() as folder:
        taken = first_step(options.problem, options.data_dir, folder, options.hparams_set, options.hparams)
    print(f"| end of the first step of {options.problem}, {options.hparams_set} | {taken:.1f} |")


def seconds(*flags: str) -> float:
    """Wall time of the trainer's command."""
    began = time.perf_counter()
    subprocess.run([*TRAINER, *flags], check=True, capture_output=True)
    return time.perf_counter() - began


def first_step(problem: str, data_dir: str, output_dir: str, hparams_set: str, hparams: str = "") -> float:
    """Seconds from the command to the progress line of the first step, which follows the finished step."""
    flags = [f"--problem={problem}", f"--data_dir={data_dir}", f"--output_dir={output_dir}", "--train_steps=1"]
    flags += [f"--hparams_set={hparams_set}", f"--hparams={hparams}"]
    began = time.perf_counter()
    with subprocess.Popen([*TRAINER, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("step 1/"):
                taken = time.perf_counter() - began
                process.kill()
                return taken
    raise RuntimeError("".join(lines[-3:]))
