"""The JSON beside a report: the result and all that is needed to run it again, with a digest over the whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deepfake_hf.errors import UsageError
from deepfake_hf.scoring.aggregation import per_second
from deepfake_hf.types import DetectionResult, Finding

FORMAT: Final = "deepfake_hf report"
RECORD_VERSION: Final = "1.0"
TOLERANCE: Final = 0.01
_NEEDED: Final = ("settings", "file", "weights", "environment", "result", "findings", "exact_sha256", "digest")
# What differs between two runs, and where the file lies.
_PASSING: Final = ("path", "seconds", "timings")


def named(result: DetectionResult, path: str, name: str) -> DetectionResult:
    """The result under the file's own name: the folder that it lies in is nobody's business."""

    def shown(text: str) -> str:
        return text.replace(str(Path(path).resolve()), name).replace(path, name)

    return dataclasses.replace(
        result,
        path=name,
        reason=shown(result.reason),
        warnings=tuple(shown(warning) for warning in result.warnings),
        branches=tuple(dataclasses.replace(branch, reason=shown(branch.reason)) for branch in result.branches),
    )


def make_record(
    result: DetectionResult,
    findings: Sequence[Finding],
    *,
    file: Mapping[str, Any],
    settings: Mapping[str, Any],
    weights: Mapping[str, Any],
    environment: Mapping[str, Any],
    made_at: str,
) -> dict[str, Any]:
    """The record of one run, plain types only.

    Args:
        result: of :func:`named`.
        findings: evidence beside it.
        file: name, size and SHA-256.
        settings: everything that was asked for and can change an answer.
        weights: label and full hash.
        environment: versions and machine.
        made_at: ISO 8601.
    """
    # Through JSON, so that a record which was read again equals this one.
    record: dict[str, Any] = json.loads(
        json.dumps(
            {
                "format": FORMAT,
                "record_version": RECORD_VERSION,
                "made_at": made_at,
                "file": dict(file),
                "settings": dict(settings),
                "weights": dict(weights),
                "environment": dict(environment),
                "result": result.to_dict(),
                "per_second": [
                    {"branch": w.branch, "track": w.track, "start_s": w.start_s, "p_fake": round(w.p_fake or 0.0, 4)}
                    for w in per_second(result.windows)
                ],
                "findings": [dataclasses.asdict(finding) for finding in findings],
                "exact_sha256": exact_hash(result),
            }
        )
    )
    record["digest"] = digest_of(record)
    return record


def exact_hash(result: DetectionResult) -> str:
    """SHA-256 over the result with all digits, apart from path, seconds and timings."""
    plain = {key: value for key, value in dataclasses.asdict(result).items() if key not in _PASSING}
    return hashlib.sha256(_canonical(plain)).hexdigest()


def digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 over the record's canonical JSON (sorted keys, no spaces, UTF-8), without the digest itself."""
    return hashlib.sha256(_canonical({key: value for key, value in record.items() if key != "digest"})).hexdigest()


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=True).encode()


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Raises: UsageError: The file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", str(error.strerror), "name another file") from None


def read_record(path: Path) -> dict[str, Any]:
    """Read a record, edited or not.

    Raises:
        UsageError: Not there, no JSON, no record of a report, or of a newer version.
    """
    mend = "give the file that `deepfake-hf report --json` wrote"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read", str(error.strerror), mend) from None
    except ValueError as error:
        raise UsageError(f"{path} cannot be read", f"it is no JSON ({error})", mend) from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UsageError(f"{path} is no report", f"it does not say format: {FORMAT}", mend)
    if str(record.get("record_version", "")).split(".")[0] != RECORD_VERSION.split(".")[0]:
        raise UsageError(
            f"{path} cannot be replayed",
            f"its version is {record.get('record_version')}, this library reads {RECORD_VERSION}",
            "use the version of deepfake_hf that made it",
        )
    broken = [key for key in _NEEDED if key not in record or (key in _NEEDED[:5] and not isinstance(record[key], dict))]
    if broken:
        raise UsageError(f"{path} cannot be replayed", f"it lacks {', '.join(broken)}", mend)
    return record


def differences(stored: Mapping[str, Any], again: Mapping[str, Any]) -> tuple[list[str], float]:
    """What a second run's ``DetectionResult.to_dict()`` says otherwise.

    Returns:
        Sentences on words and counts that differ, and the greatest difference of any P(fake).
    """
    said: list[str] = []
    for key in ("status", "verdict", "kind"):
        if stored.get(key) != again.get(key):
            said.append(f"{key} was {stored.get(key)}, is {again.get(key)}")
    worst = 0.0
    for one, other, what in _scores(stored, again, said):
        if (one is None) != (other is None):
            said.append(f"P(fake) of {what} was {_text(one)}, is {_text(other)}")
        elif one is not None and other is not None:
            worst = max(worst, abs(float(one) - float(other)))
    return said, worst


def _scores(
    stored: Mapping[str, Any], again: Mapping[str, Any], said: list[str]
) -> list[tuple[float | None, float | None, str]]:
    pairs = [(stored.get("p_fake"), again.get("p_fake"), "the medium")]
    for part in ("branches", "tracks", "windows", "segments"):
        ones, others = stored.get(part) or [], again.get(part) or []
        if len(ones) != len(others):
            said.append(f"number of {part} was {len(ones)}, is {len(others)}")
        pairs += [
            (one.get("p_fake"), other.get("p_fake"), f"{part} {place}")
            for place, (one, other) in enumerate(zip(ones, others, strict=False))
        ]
    return pairs


def _text(p_fake: float | None) -> str:
    return "none" if p_fake is None else f"{p_fake:.4f}"
