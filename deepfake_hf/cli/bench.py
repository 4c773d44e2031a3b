"""``deepfake-hf bench``: time and memory measured here, beside what people would otherwise run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from deepfake_hf.cli.terminal import plain_errors, progress


def bench(
    out: Annotated[Path, typer.Option(help="Folder for bench.json, bench.md, bench.png and the clips.")] = Path(
        "runs/bench"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Two rounds, nothing compiled, a minute of video.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="whole, runtimes, stages, start, scaling or memory; may be repeated.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="How often each contestant runs, in turn.", min=1)] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, …")] = "cpu",
    markdown: Annotated[
        list[Path] | None,
        typer.Option(
            help="Also put the tables into this page, between <!-- bench --> and <!-- /bench -->, and the "
            "targets alone between <!-- targets --> and <!-- /targets -->; may be repeated."
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Instead: compare verdicts with the naive pipeline on this folder of genuine clips."),
    ] = None,
    check_fake: Annotated[Path | None, typer.Option(help="With --check: a folder of fakes.")] = None,
    every: Annotated[int, typer.Option(help="With --check: take every n-th genuine clip.", min=1)] = 1,
) -> None:
    """Measure speed, start-up and memory, in turn with the naive pipelines.

    About 20 minutes on two cores, three with --quick. All media are made here; nothing is downloaded.

    Exit status: 0 done, 2 bad usage.
    """
    with plain_errors():
        out.mkdir(parents=True, exist_ok=True)
        if check is not None or check_fake is not None:
            _check(out, check, check_fake, every, device)
            return
        _measure(out, quick, tuple(only or ()), rounds or (2 if quick else 3), device, markdown or [])


def _measure(out: Path, quick: bool, only: tuple[str, ...], rounds: int, device: str, pages: list[Path]) -> None:
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation import bench_record
    from deepfake_hf.evaluation.bench_figure import write_figure
    from deepfake_hf.evaluation.bench_inputs import Inputs
    from deepfake_hf.evaluation.bench_run import Plan, run

    for page in pages:
        if not page.is_file() or not bench_record.has_place(page.read_text(encoding="utf-8")):
            raise UsageError(
                f"{page}",
                "it has no place for the table",
                "put <!-- bench --> and <!-- /bench --> into it, a line each",
            )

    def tell(what: str, left_s: float) -> None:
        typer.echo(f"{what}; about {max(left_s, 0) / 60:.1f} min left", err=True)

    inputs = Inputs(out / "media", device, rounds, naive_s=1.0 if quick else 2.0)
    started = time.perf_counter()
    rows = run(Plan(quick, only), inputs, tell)
    settings = {
        "quick": quick, "only": list(only), "rounds": rounds, "clip_s": inputs.clip_s, "naive_s": inputs.naive_s,
    }  # fmt: skip
    found = bench_record.record(rows, inputs.detector.bundle, device, settings, time.perf_counter() - started)
    (out / "bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "bench.md").write_text(bench_record.markdown(found), encoding="utf-8")
    write_figure(out / "bench.png", found)
    for page in pages:
        page.write_text(bench_record.fill(page.read_text(encoding="utf-8"), found), encoding="utf-8")
    _print(found)
    typer.echo(f"{out / 'bench.json'}, bench.md and bench.png in {found['seconds'] / 60:.1f} minutes")


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from deepfake_hf.evaluation.bench_record import caption, number

    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (("part", "left"), ("figure", "left"), ("median", "right"), ("unit", "left"), ("spread", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for row in found["rows"]:
        if row["n"]:
            spread = f"{number(row['min'])} to {number(row['max'])}" if row["n"] > 1 else ""
            table.add_row(row["group"], row["name"], number(row["median"]), row["unit"], spread)
        else:
            table.add_row(row["group"], row["name"], "–", "", row["note"])
    console.print(table)
    for row in found["targets"]:
        sign = "met" if row["met"] else "missed"
        style = "green" if row["met"] else "red"
        text = f"{sign}: {row['name']} {number(row['median'])} {row['unit']} ({row['sign']} {row['limit']:g})"
        console.print(text, style=style, highlight=False)
    console.print(caption(found), style="dim", highlight=False, soft_wrap=True)


def _check(out: Path, genuine: Path | None, fake: Path | None, every: int, device: str) -> None:
    from deepfake_hf.cli.detect import find_media
    from deepfake_hf.detector import Detector
    from deepfake_hf.errors import UsageError
    from deepfake_hf.evaluation.bench_check import check

    found: list[list[Path]] = []
    for folder in (genuine, fake):
        files, empty = find_media([str(folder)]) if folder is not None else ([], [])
        if empty:
            raise UsageError(f"{folder}", "it holds no media", "name a folder of clips")
        found.append([Path(file) for file in files])
    with progress("clips") as tell:
        result = check(Detector.from_pretrained(device=device), found[0][::every], found[1], tell)
    (out / "check.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for pair in result["pairs"]:
        if pair["our_word"] != pair["naive_word"]:
            typer.echo(
                f"{pair['path']}: {pair['our_word']} ({pair['ours']}), naive {pair['naive_word']} ({pair['naive']})"
            )
    auc = "no AUC without both classes"
    if result["auc_ours"] is not None:
        auc = f"AUC {result['auc_ours']:.4f}, naive {result['auc_naive']:.4f}"
    typer.echo(
        f"{result['genuine']} genuine and {result['fake']} fake clips: {auc}; another word for "
        f"{result['genuine_words_differ']} genuine and {result['fake_words_differ']} fake ones; "
        f"{result['times_faster']:.1f} times faster. {out / 'check.json'}"
    )
