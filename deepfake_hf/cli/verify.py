"""``deepfake-hf verify``: does a report hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.report import Examined, examine
from deepfake_hf.cli.terminal import DONE, plain_errors, progress
from deepfake_hf.errors import UsageError

NOT_REPRODUCED: Final = 1
_OPTIONS: Final = ("threshold", "every", "fps", "frames", "device", "runtime", "bundle", "max_minutes")
# Findings whose answer may change with the day (certificates run out) are no part of the replay.
_REPLAYED_KINDS: Final = ("container", "compression", "lip_sync", "spatial", "temporal", "frequency", "sound")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    holds: bool
    detail: str


def run(record_path: Path, file: Path, bundle: str | None, quiet: bool) -> int:
    """Do the command; returns its exit status."""
    from deepfake_hf.report.record import read_record

    with plain_errors():
        if not file.is_file():
            raise UsageError(f"{file}", "there is no such file", "name the file that the report is about")
        record = read_record(record_path)
        with progress(file.name, quiet) as tell:
            checks = check(record, file, bundle, tell)
    holds = all(item.holds for item in checks)
    if not quiet:
        for item in checks:
            typer.echo(f"{'ok     ' if item.holds else 'DIFFERS'}  {item.name}: {item.detail}")
    typer.echo("reproduced" if holds else "not reproduced")
    return DONE if holds else NOT_REPRODUCED


def check(record: Mapping[str, Any], file: Path, bundle: str | None, tell: Any) -> list[Check]:
    """What was found, in order; what a failed check makes pointless is not run.

    Raises:
        UsageError: The record is whole but can't be read, or the weights are not there.
    """
    from deepfake_hf.media import sha256_of
    from deepfake_hf.report.record import digest_of

    stored = str(record["digest"])
    if digest_of(record) != stored:
        return [Check("report", False, f"it was edited: its content no longer has the digest {stored[:16]}…")]
    checks = [Check("report", True, f"unchanged, digest {stored[:16]}…")]
    wanted, found = str(record["file"].get("sha256")), sha256_of(file)
    if found != wanted:
        return [*checks, Check("input", False, f"its SHA-256 is {found[:16]}…, the report is on {wanted[:16]}…")]
    checks.append(Check("input", True, f"the same bytes, SHA-256 {found[:16]}…"))
    options, threads = _options(record, bundle)
    weights, own = str(record["weights"].get("sha256")), _weights_hash(options)
    if own != weights:
        return [*checks, Check("weights", False, f"their SHA-256 is {own[:16]}…, the report's {weights[:16]}…")]
    checks.append(Check("weights", True, f"the same, SHA-256 {own[:16]}…"))
    again = examine(file, options, lambda share, _: tell(round(100 * share), 100), threads, pictures=False)
    return [*checks, *compare(record, again)]


def compare(record: Mapping[str, Any], again: Examined) -> list[Check]:
    """The answers of the report against those of a second run."""
    from deepfake_hf.report.record import TOLERANCE, differences

    before, now = record["environment"], again.record["environment"]
    changed = [
        f"{name} {one} → {now[part].get(name)}"
        for part in ("versions", "machine")
        for name, one in before.get(part, {}).items()
        if now[part].get(name) != one
    ]
    labels = [str(held["weights"].get("label")) for held in (record, again.record)]
    if labels[0] != labels[1]:  # of equal bytes: what runs them differs
        changed.append(f"weights as {labels[0]} → {labels[1]}")
    said, worst = differences(record["result"], again.record["result"])
    if record["exact_sha256"] == again.record["exact_sha256"] and not said and worst == 0:
        answer = Check("result", True, "equal to the last bit, apart from timings")
    elif not changed:
        told = "; ".join(said[:5]) or f"P(fake) differs by up to {worst:.2g}"
        answer = Check("result", False, f"not equal to the last bit on the same versions and machine: {told}")
    else:
        close = not said and worst <= TOLERANCE
        told = "; ".join([*said[:5], f"P(fake) differs by up to {worst:.2g}, {TOLERANCE} is allowed"])
        answer = Check("result", close, told)
    findings = [
        [item for item in held["findings"] if item.get("kind") in _REPLAYED_KINDS] for held in (record, again.record)
    ]
    same = findings[0] == findings[1]
    changed_in = sorted({str(item.get("title")) for one, other in (findings, findings[::-1]) for item in one
                         if item not in other})  # fmt: skip
    around = "; ".join(changed) if changed else "the same versions and machine"
    told = f"{len(findings[0])}, the same" if same else f"these differ: {', '.join(changed_in)}"
    return [
        Check("surroundings", True, f"{around}; nets run by {again.detector.runtime}"),
        answer,
        Check("findings", same or bool(changed), told),
    ]


def _options(record: Mapping[str, Any], bundle: str | None) -> tuple[DetectOptions, int | None]:
    """The stored settings. Raises: UsageError: They are not what a report has."""
    from pydantic import TypeAdapter, ValidationError

    from deepfake_hf.types import DetectionResult

    settings = record["settings"]
    held = {key: settings.get(key) for key in _OPTIONS}
    held["threshold"] = str(held["threshold"])
    threads = record["environment"].get("machine", {}).get("threads")
    try:
        TypeAdapter(DetectionResult).validate_python(record["result"])
        options = TypeAdapter(DetectOptions).validate_python({**held, "quiet": True})
        threads = TypeAdapter(int | None).validate_python(threads)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError("the report cannot be run again", f"{where}: {first['msg']}", "make a new report") from None
    if bundle is not None:
        options = DetectOptions(**{**vars(options), "bundle": bundle})
    return options, threads


def _weights_hash(options: DetectOptions) -> str:
    """Without loading them into a model."""
    from deepfake_hf.hub.bundle import bundle_hash, find_folder, is_third_party
    from deepfake_hf.hub.third_party import open_third_party

    folder = find_folder(options.bundle)
    return open_third_party(folder, None).sha256 if is_third_party(folder) else bundle_hash(folder)
