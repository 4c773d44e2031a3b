"""What a scan writes: one row for each answered file, one for each file that got no answer, both versioned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf._version import __version__
from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.types import DetectionResult, Status

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION: Final = "1.0"
FILES, ERRORS = "files", "errors"
TABLES: Final = (FILES, ERRORS)
# Statuses of the detector that are no answer; a scan adds timeout, memory, crashed, failed and unfetched.
NO_ANSWER: Final = (Status.UNREADABLE, Status.UNSUPPORTED)
Row = dict[str, Any]


def schemas() -> dict[str, pa.Schema]:
    """The Arrow schemas of the two tables; ``schema_version`` also stands in each file's metadata."""
    import pyarrow as pa

    branch = pa.struct(
        [
            ("branch", pa.string()),
            ("status", pa.string()),
            ("verdict", pa.string()),
            ("p_fake", pa.float64()),
            ("coverage", pa.float64()),
            ("num_windows", pa.int32()),
            ("reason", pa.string()),
        ]
    )
    identity = [
        ("schema_version", pa.string()),
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("duplicate_of", pa.string()),
    ]
    origin = [("seconds", pa.float64()), ("bundle_sha256", pa.string()), ("library_version", pa.string())]
    files = [
        ("kind", pa.string()),
        ("duration_s", pa.float64()),
        ("status", pa.string()),
        ("verdict", pa.string()),
        ("p_fake", pa.float64()),
        ("p_fake_low", pa.float64()),
        ("p_fake_high", pa.float64()),
        ("operating_point", pa.string()),
        ("fake_at", pa.float64()),
        ("real_below", pa.float64()),
        ("coverage", pa.float64()),
        ("reason", pa.string()),
        ("num_faces", pa.int32()),
        ("branches", pa.list_(branch)),
        ("segments", pa.string()),
        ("abstentions", pa.list_(pa.string())),
        ("warnings", pa.list_(pa.string())),
    ]
    errors = [("status", pa.string()), ("what", pa.string()), ("why", pa.string()), ("mend", pa.string())]
    metadata = {"deepfake_hf.scan.schema_version": SCHEMA_VERSION}
    return {
        FILES: pa.schema([*identity, *files, *origin], metadata=metadata),
        ERRORS: pa.schema([*identity, *errors, *origin], metadata=metadata),
    }


def answer(
    path: str, sha256: str | None, size_bytes: int | None, result: DetectionResult, origin: Row
) -> tuple[str, Row]:
    """The table and the row of a detector's result under the name ``path``.

    Args:
        path: how the file is listed.
        sha256: of its content, where it could be read.
        size_bytes: of its content.
        result: of ``Detector.detect``.
        origin: ``bundle_sha256`` and ``operating_point``, the limit that was asked for.
    """
    base = _base(path, sha256, size_bytes, result.seconds, origin)
    if result.status in NO_ANSWER:
        what, why, mend = sentence_parts(path, result.reason)
        return ERRORS, base | {"status": result.status.value, "what": what, "why": why, "mend": mend}
    low, high = result.interval or (None, None)
    band = result.band
    return FILES, base | {
        "kind": result.kind.value if result.kind else None,
        "duration_s": result.duration_s,
        "status": result.status.value,
        "verdict": result.verdict.value if result.verdict else None,
        "p_fake": result.p_fake,
        "p_fake_low": low,
        "p_fake_high": high,
        "operating_point": band.name if band else str(origin.get("operating_point", "")),
        "fake_at": band.fake_at if band else None,
        "real_below": band.real_below if band else None,
        "coverage": result.coverage,
        "reason": result.reason,
        "num_faces": len(result.tracks),
        "branches": [
            {
                "branch": one.branch,
                "status": one.status.value,
                "verdict": one.verdict.value if one.verdict else None,
                "p_fake": one.p_fake,
                "coverage": one.coverage,
                "num_windows": one.num_windows,
                "reason": one.reason,
            }
            for one in result.branches
        ],
        "segments": json.dumps(
            [
                {"start_s": s.start_s, "end_s": s.end_s, "branch": s.branch, "track": s.track, "p_fake": s.p_fake}
                for s in result.segments
            ]
        ),
        "abstentions": _abstentions(result),
        "warnings": list(result.warnings),
    }


def failure(
    path: str,
    status: str,
    error: DeepfakeHFError,
    origin: Row,
    sha256: str | None = None,
    size_bytes: int | None = None,
    seconds: float | None = None,
) -> tuple[str, Row]:
    """The error table and the row of a file whose analysis came to no end."""
    base = _base(path, sha256, size_bytes, seconds, origin)
    return ERRORS, base | {"status": status, "what": error.what, "why": error.why, "mend": error.mend}


def duplicate(row: Row, path: str) -> Row:
    """The row of a second file with the same content: the first one's answer, which it names, at no cost."""
    first = row["path"]

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(first, path)
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        return value

    words = ("reason", "what", "why", "mend", "branches", "abstentions", "warnings")
    told = {key: renamed(value) for key, value in row.items() if key in words}
    return row | told | {"path": path, "duplicate_of": first, "seconds": 0.0}


def sentence_parts(path: str, text: str) -> tuple[str, str, str]:
    """What, why and mend of an error's sentence about ``path``: the reverse of ``DeepfakeHFError``'s message."""
    what, rest = path, text
    if text.startswith(f"{path}: "):
        rest = text.removeprefix(f"{path}: ")
    elif ": " in text:
        what, rest = text.split(": ", 1)
    why, stop, mend = rest.removesuffix(".").rpartition(". ")
    return (what, why, mend) if stop else (what, mend, "look at the file itself")


def _base(path: str, sha256: str | None, size_bytes: int | None, seconds: float | None, origin: Row) -> Row:
    return {
        "schema_version": SCHEMA_VERSION,
        "path": path,
        "sha256": sha256,
        "size_bytes": size_bytes,
        "duplicate_of": None,
        "seconds": seconds,
        "bundle_sha256": origin.get("bundle_sha256"),
        "library_version": __version__,
    }


def _abstentions(result: DetectionResult) -> list[str]:
    whole = [] if result.p_fake is not None else [f"{result.status.value}: {result.reason}"]
    branches = [f"{b.branch}: {b.status.value}: {b.reason}" for b in result.branches if b.p_fake is None]
    faces = [f"face {t.track}: {t.status.value}: {t.reason}" for t in result.tracks if t.p_fake is None]
    return [*whole, *branches, *faces]
