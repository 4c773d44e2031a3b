"""``deepfake-hf scan``: its options, progress on the terminal, the summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deepfake_hf.cli.evaluation import Runtime
from deepfake_hf.cli.terminal import DONE, SOME_UNREADABLE, plain_errors

if TYPE_CHECKING:
    from deepfake_hf.scan.collector import Progress
    from deepfake_hf.scan.run import Work
    from deepfake_hf.scan.settings import Settings
    from deepfake_hf.scan.summary import Summary

INTERRUPTED: Final = 130
_LINE_EVERY_S: Final = 30.0
Say = Callable[[str], None]


def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders (searched in depth), globs, lists of paths (.txt), tables with a column of paths "
            "(CSV, parquet), and addresses of these (s3://, gs://, https://).",
            metavar="SOURCE…",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the results; a second run goes on there.")],
    column: Annotated[str, typer.Option(help="The column of paths in tables.")] = "path",
    workers: Annotated[
        str, typer.Option(help="Worker processes, each with its own detector; with Ray also MIN:MAX.", metavar="N")
    ] = "1",
    threads: Annotated[int, typer.Option(help="Threads of each worker.", min=1)] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds that one file may take.", min=0.1)] = 1800.0,
    memory_mb: Annotated[
        int, typer.Option(help="Memory that a worker may take, its weights included; 0: not watched.", min=0)
    ] = 4096,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Analyse files again that were errors.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray: a Ray cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster; default: one is started here.")] = None,
    cpus_per_worker: Annotated[float, typer.Option(help="Cores that Ray keeps for a worker.", min=0.0)] = 1.0,
    gpus_per_worker: Annotated[float, typer.Option(help="GPUs likewise; 0.25 puts four on one.", min=0.0)] = 0.0,
    threshold: Annotated[str, typer.Option(help="Limit for the word fake: fpr1, fpr5 or a P(fake).")] = "fpr1",
    every: Annotated[int | None, typer.Option(help="Analyse every n-th frame.", min=1)] = None,
    fps: Annotated[float | None, typer.Option(help="Analyse this many frames per second.", min=0.01)] = None,
    frames: Annotated[int | None, typer.Option(help="Analyse this many frames, evenly to the very end.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; default: a GPU where there is one.")] = None,
    runtime: Runtime = "auto",
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Refuse media longer than this (default 120).")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the summary's figures to this file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress.")] = False,
) -> None:
    """Analyse a whole archive into a parquet dataset, and go on where a run was stopped.

    The folder gets files/ and errors/ (parquet), summary.html and summary.json. Every file has one row, or one error
    with its reason. Files of equal content are analysed once. A file that hangs, crashes or eats memory is an error
    and stops nothing. The same command again does what is left, also after kill -9.

    Exit status: 0 all done (whatever the verdicts), 2 bad usage, 3 some files are errors, 130 interrupted.
    """
    from deepfake_hf.scan.run import Work
    from deepfake_hf.scan.settings import Settings

    with plain_errors():
        least, most = _pool(workers, engine)
        settings = Settings(bundle, threshold, every, fps, frames, runtime, max_minutes, device, threads)
        if engine == "local" and (address or gpus_per_worker):
            from deepfake_hf.errors import UsageError

            raise UsageError("--address and --gpus-per-worker", "they are Ray's", "add --engine ray, or leave them out")
        work = Work(
            engine,
            least,
            most,
            timeout_s=timeout,
            memory_mb=memory_mb or None,
            address=address,
            cpus=cpus_per_worker,
            gpus=gpus_per_worker,
            retry_errors=retry_errors,
        )
        raise typer.Exit(_run(sources, out, settings, work, column, json, quiet))


def _pool(text: str, engine: str) -> tuple[int, int | None]:
    """``N`` or, for Ray, ``MIN:MAX``."""
    from deepfake_hf.errors import UsageError

    least, colon, most = text.partition(":")
    numbers = [least, *([most] if colon else [])]
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise UsageError(f"--workers {text}", "it is no number above 0", "say 4, or 2:8 with --engine ray")
    if colon and engine != "ray":
        raise UsageError(f"--workers {text}", "only Ray's pool grows", "add --engine ray, or give one number")
    return int(least), int(most) if colon else None


def _run(
    sources: list[str], out: Path, settings: Settings, work: Work, column: str, json_path: Path | None, quiet: bool
) -> int:
    from deepfake_hf.scan.page import write_scan_page
    from deepfake_hf.scan.run import scan as run_scan
    from deepfake_hf.scan.store import write_json_whole
    from deepfake_hf.scan.summary import summarise

    try:
        with _progress(quiet) as (tell, say):
            done = run_scan(sources, out, settings, work, column=column, tell=tell, say=say)
    except KeyboardInterrupt:
        typer.echo("Interrupted. What is done is kept; the same command goes on.", err=True)
        return INTERRUPTED
    summary = summarise(out)
    figures = summary.to_dict()
    write_json_whole(out / "summary.json", figures)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        write_json_whole(json_path, figures)
    write_scan_page(out / "summary.html", summary, settings.about())
    if not quiet:
        _show(summary, done, out)
    return SOME_UNREADABLE if summary.errors else DONE


@contextmanager
def _progress(quiet: bool) -> Iterator[tuple[Callable[[Progress], None], Say]]:
    """A bar with rate and time left on a terminal, elsewhere a line every half minute."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn("scanning"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}", style="dim", markup=False),
    )
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("scanning", total=None, rate="", words="loading the weights")
        clock = _Clock()

        def tell(progress: Progress) -> None:
            rate = clock.rate(progress.done)
            words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sorted(progress.words.items()))
            done, shown = progress.before + progress.done, f"{rate:.2f}/s" if rate else ""
            bar.update(task, completed=done, total=progress.total, rate=shown, words=words or "loading the weights")
            if not quiet and not console.is_terminal and clock.due():
                left = f", {(progress.total - done) / rate / 60:.0f} min left" if rate else ""
                typer.echo(f"{done} of {progress.total} files, {shown}{left}; {words}", err=True)

        yield tell, lambda sentence: console.print(sentence, style="yellow", markup=False, soft_wrap=True)


class _Clock:
    """Rate since the first answer, so that loading the weights doesn't count, and when to print a line again."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._printed = time.monotonic()

    def rate(self, done: int) -> float:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done) if done else None
            return 0.0
        since, before = self._first
        return (done - before) / (now - since) if now > since else 0.0

    def due(self) -> bool:
        if time.monotonic() - self._printed < _LINE_EVERY_S:
            return False
        self._printed = time.monotonic()
        return True


def _show(summary: Summary, done: Progress, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from deepfake_hf.scan.page import word_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for kind in sorted(summary.kinds):
        table.add_column(kind, justify="right")
    table.add_column("all", justify="right", style="bold")
    colours = {"real": "green", "fake": "red", "uncertain": "yellow"}
    for word, count in summary.words.most_common():
        counts = [str(summary.kinds[kind][word] or "–") for kind in sorted(summary.kinds)]
        table.add_row(word_text(word), *counts, str(count), style=colours.get(word))
    for word, count in summary.reasons.most_common():
        table.add_row(f"error: {word_text(word)}", *["–"] * len(summary.kinds), str(count), style="dim")
    console = Console()
    console.print(table)
    console.print(
        f"{summary.files + summary.errors} files ({summary.duplicates} copies), {done.done} of them in this run",
        markup=False,
        highlight=False,
    )
    console.print(f"{out / 'summary.html'}", markup=False, highlight=False, soft_wrap=True)
