"""``deepfake-hf sync-check``: what the lip-sync evidence says where sound was moved or swapped."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from deepfake_hf.cli.terminal import plain_errors, progress

_HEAD: Final = """\
# Lips and sound: what the evidence does

Made by `{command}` of version {version}, net `{net}` (SHA-256 {sha256}…).

Every clip is genuine. Its sound is left alone, moved by a known amount (what leaves at one end comes in at the other),
or replaced by the next clip's of the same data set or by speech of other people; then `deepfake_hf.evidence.lip_sync`
reads it as it does for a report. *Offset error* is the offset found minus the one made. *p* compares the clip's
confidence (median minus least mean distance over offsets of −600 to +600 ms) with that of {shuffles} shufflings of its
sound in blocks of {block_s:g} s, seed {seed}. Shares have Wilson's 95 % intervals, medians those of 1,000 draws of
clips.

"""


def sync_check(
    manifest: Annotated[Path, typer.Argument(help="A CSV or parquet manifest of videos; genuine ones are taken.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page of tables (Markdown).")] = Path("runs/lip_sync.md"),
    split: Annotated[str, typer.Option(help="Only this split: one that training has not seen.")] = "test",
    speech: Annotated[
        Path | None, typer.Option(help="Folder of unrelated speech (searched in depth): each clip gets two of them.")
    ] = None,
    net: Annotated[Path | None, typer.Option(help="Lip-sync net, of train.py sync; default: the one in the box.")] = (
        None
    ),
    json_path: Annotated[Path | None, typer.Option("--json", help="Also write every clip's figures here.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Move and swap the sound of genuine videos and see whether the lip-sync evidence notices.

    Exit status: 0 done, 2 bad usage.
    """
    with plain_errors():
        _run(manifest, out, split, speech, net, json_path, quiet)


def _run(
    manifest: Path, out: Path, split: str, speech: Path | None, net: Path | None, json_path: Path | None, quiet: bool
) -> None:
    import torch

    from deepfake_hf._version import __version__
    from deepfake_hf.data import present_rows
    from deepfake_hf.errors import DataError, UsageError
    from deepfake_hf.evaluation.sync_check import sync_markdown, sync_trials
    from deepfake_hf.evidence.lip_sync import LipReader
    from deepfake_hf.evidence.sync_statistics import BLOCK_FRAMES, FRAME_MS, SEED, SHUFFLES
    from deepfake_hf.faces import load_face_detector
    from deepfake_hf.hub.bundle import EMBEDDED, is_lip_sync, lip_sync_in
    from deepfake_hf.labels import REAL
    from deepfake_hf.media.suffixes import MEDIA_SUFFIXES

    rows = [row for row in present_rows(manifest, split or None, "videos") if row.label == REAL]
    if not rows:
        raise DataError(
            f"{manifest} has no genuine video", f"split {split!r} was asked for", "name another with --split"
        )
    folder = lip_sync_in(EMBEDDED) if net is None else net if is_lip_sync(net) else None
    if folder is None:
        raise UsageError("sync-check", f"there is no lip-sync net in {net or EMBEDDED}", "train one: train.py sync")
    speeches = sorted(path for path in speech.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES) if speech else []
    if speech and not speeches:
        raise DataError(f"{speech} has no speech", "no sound file is in it", "name another folder with --speech")
    reader = LipReader(folder, load_face_detector("centerface"), torch.device("cpu"))
    with progress(manifest.name, quiet) as tell:
        trials = list(sync_trials(reader, rows, speeches, tell))
    command = f"deepfake-hf sync-check {manifest.name} --split {split}" + (f" --speech {speech.name}" if speech else "")
    head = _HEAD.format(
        command=command, version=__version__, net="in the box" if net is None else net.name, sha256=reader.sha256[:16],
        shuffles=SHUFFLES, block_s=BLOCK_FRAMES * FRAME_MS / 1000, seed=SEED,
    )  # fmt: skip
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(head + sync_markdown(trials), encoding="utf-8")
        if json_path is not None:
            json_path.write_text(json.dumps([asdict(trial) for trial in trials], indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out} cannot be written", str(error), "name another file with --out") from error
    typer.echo(str(out))
