"""What `t2t-experiments` does."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Sequence

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments import runner
from t2t_multimodel.experiments.declare import Run, Scale
from t2t_multimodel.experiments.plan import format_plan
from t2t_multimodel.experiments.report import write_report
from t2t_multimodel.experiments.results import Folders, found_results, read_lines, write_lines
from t2t_multimodel.experiments.scales import find_scale
from t2t_multimodel.experiments.tables import TABLES, find_tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The flags of `t2t-experiments`, by their names; docs/commands.md tells what they mean."""

    table: str = "all"
    scale: str = "mini"
    seeds: int = 3
    output_dir: str = ""
    source_dir: str | None = None
    jobs: int = 1
    run: str = ""
    print_commands: bool = False
    plan: bool = False
    flops: float = 1e11
    mesh_shape: str = ""
    report_only: bool = False
    report_dir: str = "docs/reproduction"


def run(request: Request) -> None:
    """Makes what is asked for: one run, the list of commands, the plan, or tables with their report.

    Results are gathered into `<report_dir>/results/<scale>.jsonl`, which keeps those of earlier calls, and the report
    is made of all of them: what one machine made need not be made again on another.

    Raises:
        MultiModelError: there is no such table, scale or run; runs failed; there are no results.
    """
    scale, tables, seeds = find_scale(request.scale), find_tables(request.table), range(1, request.seeds + 1)
    if request.run:
        runner.make(_find_run(scale, request.run), request.output_dir, request.source_dir)
        return
    if request.plan:
        print(format_plan(scale, tables, seeds, flops=request.flops, mesh_shape=request.mesh_shape))
        return
    lines = pathlib.Path(request.report_dir) / "results" / f"{scale.name}.jsonl"
    runs = [run for table in tables for run in table.runs(scale, seeds)]
    if request.print_commands:
        wanted = _wanted(request, runs, lines)
        print("\n".join(runner.commands(wanted, request.output_dir, request.source_dir)) if wanted else "")
        return
    try:
        if not request.report_only:
            wanted = _wanted(request, runs, lines)
            print(f"{len({run.name for run in runs})} runs, {len(wanted)} to make", flush=True)
            runner.make_all(wanted, request.output_dir, source_dir=request.source_dir, jobs=request.jobs)
    finally:
        _gather(request, scale, seeds, lines)
    write_report(request.report_dir, scale, list(TABLES.values()), read_lines(lines), seeds)
    print(f"{request.report_dir}/{scale.name}.md and .html")


def _wanted(request: Request, runs: Sequence[Run], lines: pathlib.Path) -> list[Run]:
    """Runs whose results are neither in the output folder nor kept."""
    known = {result["name"] for result in read_lines(lines)}
    return [run for run in runner.missing(runs, Folders(request.output_dir, request.scale)) if run.name not in known]


def _gather(request: Request, scale: Scale, seeds: Sequence[int], lines: pathlib.Path) -> None:
    """Puts what stands in the output folder beside the results that are kept."""
    if not request.output_dir:
        return
    runs = [run for table in TABLES.values() for run in table.runs(scale, seeds)]
    if found := found_results(Folders(request.output_dir, scale.name), runs):
        write_lines(lines, [*read_lines(lines), *found])


def _find_run(scale: Scale, name: str) -> Run:
    seed = re.search(r"-seed(\d+)-[0-9a-f]+$", name)
    if seed:
        for table in TABLES.values():
            for run in table.runs(scale, [int(seed[1])]):
                if run.name == name:
                    return run
    raise ExperimentError(f"--scale={scale.name} has no run {name}; --print_commands lists them")
