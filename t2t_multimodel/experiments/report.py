"""The report of a scale: verdicts, tables and the list of runs, made from results alone."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from t2t_multimodel.errors import ExperimentError
from t2t_multimodel.experiments import document
from t2t_multimodel.experiments.declare import Claim, Run, Scale, Table
from t2t_multimodel.experiments.document import Block, Bullets, Heading, Paragraph
from t2t_multimodel.experiments.readings import Readings
from t2t_multimodel.experiments.results import Result
from t2t_multimodel.experiments.show import between
from t2t_multimodel.experiments.statistics import CLAIMS, mean_interval, verdict


def write_report(
    folder: str | pathlib.Path, scale: Scale, tables: Sequence[Table], results: Sequence[Result], seeds: Sequence[int]
) -> None:
    """Writes `<scale>.md`, `<scale>.html` and their drawings.

    Raises:
        ExperimentError: there are no results.
    """
    if not results:
        raise ExperimentError(f"there are no results of --scale={scale.name}; make runs first, without --report_only")
    readings = Readings(scale, results, seeds)
    for table in tables:
        readings.add(table.variants(scale))
    title = f"Reproduction at scale {scale.name}"
    document.write(folder, _blocks(title, readings, tables, results), title, scale.name)


def _blocks(title: str, readings: Readings, tables: Sequence[Table], results: Sequence[Result]) -> list[Block]:
    scale = readings.scale
    blocks: list[Block] = [Heading(1, title), Paragraph(scale.about), *_verdicts(readings, tables)]
    for table in tables:
        blocks += [Heading(2, table.title), Paragraph(table.question), *table.report(readings)]
    return [*blocks, *_runs(readings, tables, results)]


def _verdicts(readings: Readings, tables: Sequence[Table]) -> list[Block]:
    rows = []
    for table in tables:
        for claim in table.claims(readings.scale):
            differences = readings.claimed(claim)
            interval = mean_interval(differences.values()) if differences else None
            shown = between(interval, "+.3f") if interval else ""
            claimed, seeds = f"{CLAIMS[claim.kind]} {claim.margin:g}", str(len(differences))
            rows.append([table.name, claim.text, claimed, shown, seeds, _verdict(claim, interval)])
    if not rows:
        return []
    return [
        Heading(2, "Verdicts"),
        Paragraph(
            "The rule was fixed before the runs. For each seed: the loss that the claim says is lower minus the other,"
            " over the loss of the problem's baseline (a unigram of the targets, or the majority class), averaged over"
            " the claim's tasks. Of these differences the mean and the 95% interval over seeds (Student's t)."
            " Supported: the whole interval lies on the claim's side of its margin; refuted: on the other; else"
            " undecided. A loss is the lowest of the evaluations on dev, which are equally many for all runs."
        ),
        document.Table(["table", "claim", "difference claimed", "measured", "seeds", "verdict"], rows, "The claims."),
    ]


def _verdict(claim: Claim, interval) -> str:
    if interval is None:
        return "not run"
    return verdict(interval, claim.kind, margin=claim.margin)


def _runs(readings: Readings, tables: Sequence[Table], results: Sequence[Result]) -> list[Block]:
    declared = {run.name: run for table in tables for run in table.runs(readings.scale, readings.seeds)}
    found = {result["name"]: result for result in results if result["name"] in declared}
    rows = [_run_row(declared[name], result) for name, result in found.items()]
    absent = len(declared) - len(found)
    seconds = sum(result["seconds"] or 0.0 for result in found.values())
    versions = sorted(
        {", ".join(f"{k.removeprefix('version.')} {v}" for k, v in r["versions"].items()) for r in results}
    )
    facts = [
        f"{len(found)} of {len(declared)} runs are made" + (f"; {absent} are missing." if absent else "."),
        f"{seconds / 3600:.1f} hours of training, evaluations on dev included, runs side by side counted each.",
        *(f"Versions: {line}." for line in versions),
        f"Runs again: `t2t-experiments --table=all --scale={readings.scale.name} --seeds={len(readings.seeds)}"
        " --output_dir=DIR`; the report from the kept results: with `--report_only`.",
    ]
    head = ["run", "hparams", "steps", "parameters", "seconds"]
    return [Heading(2, "Runs"), Bullets(facts), document.Table(head, rows, "Every run, by its name.")]


def _run_row(run: Run, result: Result) -> list[str]:
    seconds = "" if result["seconds"] is None else f"{result['seconds']:.0f}"
    hparams = f"{run.hparams_set} {run.hparams}".strip()
    return [f"`{run.name}`", f"`{hparams}`", str(run.steps), f"{result['parameters']:,}", seconds]
