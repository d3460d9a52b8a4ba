"""Measures programs of `python -m benchmarks xla_program` on the device that jax finds.

    python run.py FOLDER [FOLDER ...] --peak=989 --budget=480 --out=results.jsonl

Needs jax, jaxlib and numpy alone. Each program runs in a process of its own, one after the other, until the budget is
used up; each result is appended to `--out` as soon as it is there. Updated variables are fed back, so that repeated
calls are successive train steps.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

# Seconds below which no further program is begun.
_LEAST = 20


def parser() -> argparse.ArgumentParser:
    """The flags."""
    found = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0])
    found.add_argument("folders", nargs="+", help="of programs")
    found.add_argument("--repeats", type=int, default=20, help="timed steps")
    found.add_argument("--peak", type=float, default=0.0, help="of the device, TFLOP/s")
    found.add_argument("--budget", type=float, default=480.0, help="seconds for all programs")
    found.add_argument("--out", default="", help="file that results are appended to")
    found.add_argument("--random", action="store_true", help="fill the arguments at random, whatever args.npz holds")
    found.add_argument("--one", action="store_true", help="measure the one program in this process")
    return found


def main(arguments: list[str]) -> None:
    """Measures one program after the other and prints a JSON object for each."""
    options = parser().parse_args(arguments)
    if options.one:
        print(json.dumps(measure(pathlib.Path(options.folders[0]), options)))
        return
    end = time.monotonic() + options.budget
    for folder in options.folders:
        result = in_process(folder, options, end - time.monotonic())
        line = json.dumps({"program": folder, **result})
        print(line, flush=True)
        if options.out:
            with open(options.out, "a", encoding="utf-8") as file:
                file.write(line + "\n")


def in_process(folder: str, options: argparse.Namespace, seconds: float) -> dict[str, object]:
    """The result of a process of its own, or why there is none."""
    if seconds < _LEAST:
        return {"error": "no time left"}
    flags = [f"--repeats={options.repeats}", f"--peak={options.peak}", *(["--random"] if options.random else [])]
    command = [sys.executable, __file__, folder, "--one", *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"not finished within {seconds:.0f} s"}
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1][:300] if done.stderr.strip() else "the process died"}
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: pathlib.Path, options: argparse.Namespace) -> dict[str, object]:
    """Compiles and runs a program.

    Returns:
        compile time, the compiler's count of memory, and, unless `--repeats=0`, seconds a step and what follows.
    """
    import jax

    jax.config.update("jax_enable_x64", True)  # else the step's number would be cut to 32 bits
    about = json.loads((folder / "program.json").read_text(encoding="utf-8"))
    device = jax.devices()[0]
    program, fed_back, compile_s = compiled(folder / "program.hlo", device)
    result = {
        "device": device.device_kind,
        "jax": jax.__version__,
        **{name: about[name] for name in ("hparams_set", "precision", "batch", "parameters", "useful_flops")},
        "compile_s": round(compile_s, 2),
        "bytes": memory(program),
    }
    if not options.repeats:
        return result
    seconds, losses = timed(program, fed_back, values(folder, about, options.random), device, options.repeats)
    step = statistics.median(seconds)
    result |= {"first_step_s": losses[1], "step_s": step, "least_step_s": min(seconds), "losses": losses[0][:5]}
    result["tflops"] = about["useful_flops"] / step / 1e12
    if options.peak:
        result["share_of_peak"] = result["tflops"] / options.peak
    return result


def compiled(path: pathlib.Path, device):
    """The executable of an HLO module, which results are fed back to which parameters, and seconds to compile."""
    from jax._src.lib import xla_client

    computation = xla_client.XlaComputation(path.read_bytes())
    module = xla_client._xla.mlir.xla_computation_to_mlir_module(computation)
    header = computation.as_hlo_text().split("\n", 1)[0]
    fed_back = {int(result): int(place) for result, place in re.findall(r"\{(\d+)\}: \((\d+), \{\}", header)}
    start = time.perf_counter()
    program = device.client.compile_and_load(
        module, executable_devices=xla_client.DeviceList((device,)), compile_options=xla_client.CompileOptions()
    )
    return program, fed_back, time.perf_counter() - start


def memory(program) -> dict[str, int] | str:
    """Bytes that the compiler counts: of arguments, results, what both share, and temporary ones."""
    try:
        stats = program.get_compiled_memory_stats()
    except Exception as error:  # not every runtime tells
        return str(error)[:80]
    kinds = ("argument", "output", "alias", "temp")
    counts = {kind: getattr(stats, f"{kind}_size_in_bytes") for kind in kinds}
    return {**counts, "all": counts["argument"] + counts["output"] - counts["alias"] + counts["temp"]}


def values(folder: pathlib.Path, about: dict, random: bool):
    """The program's arguments, one after the other."""
    import numpy as np

    if (folder / "args.npz").exists() and not random:
        with np.load(folder / "args.npz") as file:
            yield from (file[f"arg{number}"] for number in range(len(file.files)))
        return
    generator = np.random.default_rng(0)
    for argument in about["arguments"]:
        ((kind, amount),) = argument["fill"].items()
        if kind == "below":
            value = generator.integers(2, amount, argument["shape"])
        elif kind == "normal":
            value = amount * generator.standard_normal(argument["shape"], np.float32)
        else:
            value = np.full(argument["shape"], amount)
        yield value.astype(argument["dtype"])


def timed(program, fed_back: dict[int, int], arguments, device, repeats: int):
    """Seconds of each step after the first; the losses of all steps, and seconds of the first step."""
    import jax
    import numpy as np

    buffers = [jax.device_put(value, device) for value in arguments]
    seconds, losses = [], []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        results = program.execute(buffers)
        for result in results:
            result.block_until_ready()
        seconds.append(time.perf_counter() - start)
        losses.append(float(np.asarray(results[0])))
        for result, place in fed_back.items():
            buffers[place] = results[result]
    return seconds[1:], (losses, seconds[0])


if __name__ == "__main__":
    main(sys.argv[1:])
