"""``deepfake-hf data``: make a manifest, audit it, cut out its faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deepfake_hf.cli.terminal import SOME_UNREADABLE, plain_errors, progress

if TYPE_CHECKING:
    from deepfake_hf.data import AuditReport

app = typer.Typer(help="Make, audit and crop the data to train and measure on.", no_args_is_help=True)

OVER_A_LIMIT: Final = 1
Workers = Annotated[int | None, typer.Option(help="Files read at once; default: one for each processor.", min=1)]


@app.command()
def prepare(
    out: Annotated[Path, typer.Argument(help="The manifest to write: .csv or .parquet.")],
    config: Annotated[Path | None, typer.Option(help="A mixture of sets in YAML, instead of --layout.")] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="folder, imagefolder, videofolder, audiofolder, parquet, datasets, faceforensics, dfd, celeb-df, "
            "dfdc, deepfake-timit, fakeavceleb, asvspoof2019, asvspoof2021, asvspoof5, in-the-wild, wavefake."
        ),
    ] = None,
    root: Annotated[str | None, typer.Option(help="The set's folder; with datasets its name on the Hub.")] = None,
    real: Annotated[int | None, typer.Option(help="Take this many genuine rows; default: all.", min=0)] = None,
    fake: Annotated[int | None, typer.Option(help="Take this many fakes, methods evenly; default: all.", min=0)] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Of the layout: compression=c40, track=DF, columns.source=video. Several times."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Share out rows: train=0.8,validation=0.1,test=0.1; default: as the set does.")
    ] = None,
    by: Annotated[str, typer.Option(help="What may not stand in two splits: identity,source or one of them.")] = (
        "identity,source"
    ),
    official: Annotated[bool, typer.Option(help="Keep the splits that rows have already.")] = True,
    seed: Annotated[int, typer.Option(help="Of what is drawn and shared out.")] = 0,
) -> None:
    """Write a manifest of one set, or of a mixture.

    A mixture:

        sets: [{layout: dfdc, root: dfdc, real: 1500, fake: 1500}, {layout: faceforensics, root: ff, real: 1000,
        fake: 1000, options: {compression: c23}}, {layout: celeb-df, root: celeb, real: 500, fake: 500}]

        split: {shares: {train: 0.8, validation: 0.1, test: 0.1}, by: \\[identity, source], official: false}

    Exit status: 0 all done, 2 bad usage, 3 files that a list names are missing (they are named and have no row).
    """
    from deepfake_hf.data import parse_config, read_config, write_manifest
    from deepfake_hf.data import prepare as make
    from deepfake_hf.errors import UsageError

    with plain_errors():
        if (config is None) == (layout is None):
            raise UsageError("data prepare", "it needs --config or --layout, and not both", "give one of them")
        if config is not None:
            plan = read_config(config)
        else:
            if root is None:
                raise UsageError(f"--layout {layout}", "it does not say where the set is", "add --root")
            part = {"layout": layout, "root": root, "real": real, "fake": fake, "options": _options(option or [])}
            shares = None if split is None else {"shares": _shares(split), "by": by.split(","), "official": official}
            plan = parse_config({"sets": [part], "split": shares, "seed": seed}, "the command")
        done = make(plan, out.resolve().with_name(f"{out.stem}_media"))
        write_manifest(out, done.rows)
    typer.echo(f"{len(done.rows)} rows in {out}: {_counts(done.rows)}")
    if done.missing:
        typer.echo("\n".join(["missing files, left out:", *done.missing]), err=True)
        raise typer.Exit(SOME_UNREADABLE)


@app.command()
def audit(
    manifest: Annotated[Path, typer.Argument(help="A CSV or parquet manifest.")],
    json: Annotated[Path | None, typer.Option(help="Also write the report to this file.")] = None,
    sample: Annotated[int | None, typer.Option(help="Measure this many files at random; default: all.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of the sample and the probes.")] = 0,
    max_auc: Annotated[float, typer.Option(help="A probe over this fails.", min=0.5, max=1.0)] = 0.65,
    max_shared: Annotated[int, typer.Option(help="People, sources or files that two splits may share.", min=0)] = 0,
    max_duplicates: Annotated[
        float, typer.Option(help="Share of pictures that may have a near-duplicate in another split.", min=0, max=1)
    ] = 0.01,
    workers: Workers = None,
) -> None:
    """Look for leaks between splits and for shortcuts that tell the label without the content.

    Exit status: 0 no check failed, 1 a check is over its limit, 2 bad usage, 3 none failed but files are unreadable.
    """
    from deepfake_hf.data import AuditLimits, read_manifest
    from deepfake_hf.data import audit as look

    with plain_errors():
        rows = read_manifest(manifest)
        limits = AuditLimits(shared=max_shared, near_duplicates=max_duplicates, auc=max_auc)
        with progress("measuring") as tell:
            report = look(rows, limits, sample, seed, workers, tell)
    _show(report)
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
        report.write(json)
    if not report.passed:
        raise typer.Exit(OVER_A_LIMIT)
    raise typer.Exit(SOME_UNREADABLE if report.unreadable else 0)


@app.command()
def faces(
    manifest: Annotated[Path, typer.Argument(help="A CSV or parquet manifest.")],
    out: Annotated[Path, typer.Argument(help="Folder for crops, manifest.csv and report.json.")],
    frames: Annotated[int, typer.Option(help="Frames looked at in each video.", min=1)] = 10,
    size: Annotated[int, typer.Option(help="Side of a crop in pixels.", min=16)] = 224,
    detector: Annotated[str, typer.Option(help="centerface, mediapipe or yunet.")] = "centerface",
    workers: Workers = None,
) -> None:
    """Cut out faces; a second run goes on where the first stopped.

    Exit status: 0 all done (files without a face are in the report), 2 bad usage, 3 files are missing or unreadable.
    """
    from deepfake_hf.data import CropPlan, extract_faces, read_manifest, write_manifest

    with plain_errors():
        rows = read_manifest(manifest)
        with progress("cropping") as tell:
            crops, report = extract_faces(rows, out, CropPlan(frames, size, detector), workers, tell)
        report.write(out / "report.json")
        if crops:
            write_manifest(out / "manifest.csv", crops)
    listed = report.without_crops()
    typer.echo(f"{len(crops)} crops of {len(rows)} rows in {out}: {report.counts()}")
    for status, entries in listed.items():
        typer.echo("\n".join([f"{status}:", *[f"  {entry['path']}: {entry['reason']}" for entry in entries]]), err=True)
    raise typer.Exit(SOME_UNREADABLE if {"missing", "unreadable"} & set(listed) else 0)


def _options(entries: list[str]) -> dict[str, Any]:
    """``a=b`` and ``columns.source=video`` as a mapping, the second nested."""
    from deepfake_hf.errors import UsageError

    options: dict[str, Any] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--option {entry}", "it is not NAME=VALUE", "write --option compression=c40")
        outer, dot, inner = name.partition(".")
        if dot:
            options.setdefault(outer, {})[inner] = value
        else:
            options[name] = value
    return options


def _shares(text: str) -> dict[str, float]:
    from deepfake_hf.errors import UsageError

    try:
        return {name.strip(): float(share) for name, share in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise UsageError(f"--split {text}", "it is not NAME=SHARE,…", "write train=0.8,test=0.2") from error


def _counts(rows: list[Any]) -> str:
    from collections import Counter

    from deepfake_hf.labels import ID2LABEL

    counts = Counter((row.dataset, row.split or "no split", ID2LABEL[row.label]) for row in rows)
    return ", ".join(f"{' '.join(filter(None, key))} {count}" for key, count in sorted(counts.items()))


def _show(report: AuditReport) -> None:
    for finding in report.findings:
        limit = "" if finding.limit is None else f" (limit {finding.limit:g})"
        typer.echo(f"{finding.outcome.value:<11}  {finding.name}{limit}: {finding.detail}")
    for path, reason in report.unreadable.items():
        typer.echo(f"unreadable   {path}: {reason}")
    verdict = "no check failed" if report.passed else "FAILED"
    typer.echo(f"{verdict}; {report.num_rows} rows, {report.num_measured} files measured")
