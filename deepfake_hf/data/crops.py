"""Face crops of a manifest: cached, resumable, in parallel; no file stops the rest."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.errors import DataError, MediaError
from deepfake_hf.faces import FaceDetector, FaceTracker, assess, crop_face, detect_in_picture, load_face_detector
from deepfake_hf.faces.boxes import area
from deepfake_hf.media import AtRate, Limits, Sampling, Uniform, probe, read_frames
from deepfake_hf.types import Frame, MediaKind, Status

MISSING: Final = "missing"


@dataclass(frozen=True)
class CropPlan:
    """What is cut out.

    Args:
        frames: Frames looked at in each video, evenly over its time; a picture has one.
        size: Side of a crop, pixels.
        detector: Name of the face detector.
    """

    frames: int = 10
    size: int = 224
    detector: str = "centerface"


@dataclass(frozen=True)
class CropOutcome:
    """What one row gave: ``status`` (``scored``: it has crops), the reason where it has none, and the crops' files."""

    path: str
    status: str
    reason: str
    crops: tuple[str, ...] = ()


@dataclass(frozen=True)
class CropReport:
    """All outcomes, in the manifest's order."""

    outcomes: tuple[CropOutcome, ...]

    def counts(self) -> dict[str, int]:
        """How many rows ended how."""
        return dict(Counter(outcome.status for outcome in self.outcomes).most_common())

    def without_crops(self) -> dict[str, list[dict[str, str]]]:
        """By status, the files that gave no crop, each with the reason."""
        listed: dict[str, list[dict[str, str]]] = {}
        for outcome in self.outcomes:
            if outcome.status != Status.SCORED:
                listed.setdefault(outcome.status, []).append({"path": outcome.path, "reason": outcome.reason})
        return listed

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write counts and the files without crops as JSON."""
        text = json.dumps(
            {"counts": self.counts(), "without_crops": self.without_crops()}, indent=2, ensure_ascii=False
        )
        Path(path).write_text(text + "\n", encoding="utf-8")


def extract_faces(
    rows: Sequence[ManifestRow],
    out: Path,
    plan: CropPlan | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits | None = None,
) -> tuple[list[ManifestRow], CropReport]:
    """Cut out the main face of every row: of each video the person with the largest face area over the sampled frames.

    A row's crops lie in ``out/crops/KEY``, where the key stands for its path, stretch, size, time of change and the
    plan: files of one name in two folders stay apart, and a changed file is cut anew. What is done is noted in
    ``out/done``, so that an interrupted run goes on where it stopped, and a second run reads nothing. Crops are PNG:
    they add no traces of compression.

    Args:
        rows: The manifest.
        out: Folder of the cache.
        plan: Defaults to ``CropPlan()``.
        workers: Threads; decoding and detection release Python's lock. None takes one for each processor.
        progress: Called with the number of rows done and their total.
        limits: Defaults to ``Limits()``.

    Returns:
        A row for each crop, with its file's label, identity, split and, as ``source``, its file's source (or the file
        itself where none is named); and what became of every row.

    Raises:
        DataError: The cache cannot be written.
        UsageError: An unknown detector.
    """
    plan, limits = plan or CropPlan(), limits or Limits()
    detector = load_face_detector(plan.detector)

    def one(row: ManifestRow) -> CropOutcome:
        return _outcome(row, out, plan, detector, limits)

    try:
        for folder in ("crops", "done"):
            (out / folder).mkdir(parents=True, exist_ok=True)
        outcomes = []
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            for number, outcome in enumerate(pool.map(one, rows), 1):
                outcomes.append(outcome)
                if progress is not None:
                    progress(number, len(rows))
    except OSError as error:
        raise DataError(f"{out} cannot be written", str(error), "name another folder, or make room") from error
    crops = [
        replace(row, path=str(out / crop), source=row.source or row.path, start_s=None, end_s=None)
        for row, outcome in zip(rows, outcomes, strict=True)
        for crop in outcome.crops
    ]
    return crops, CropReport(tuple(outcomes))


def _outcome(row: ManifestRow, out: Path, plan: CropPlan, detector: FaceDetector, limits: Limits) -> CropOutcome:
    try:
        state = os.stat(row.path)
    except OSError as error:
        return CropOutcome(row.path, MISSING, error.strerror or str(error))
    facts = [os.path.abspath(row.path), row.start_s, row.end_s, state.st_size, state.st_mtime_ns, asdict(plan)]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]
    note = out / "done" / f"{key}.json"
    known = _read_note(note, out)
    if known is not None:
        return replace(known, path=row.path)
    try:
        pictures, status, reason = _main_face(row, plan, detector, limits)
    except MediaError as error:
        return CropOutcome(row.path, Status.UNREADABLE.value, str(error))
    names = []
    for number, picture in enumerate(pictures):
        target = out / "crops" / key / f"{number:03d}.png"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(target)
        names.append(str(target.relative_to(out)))
    outcome = CropOutcome(row.path, status.value, reason, tuple(names))
    partial = note.with_suffix(".part")
    partial.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    partial.replace(note)  # the last step: a note is there only where all its crops are
    return outcome


def _read_note(note: Path, out: Path) -> CropOutcome | None:
    try:
        stored: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    outcome = CropOutcome(**{**stored, "crops": tuple(stored["crops"])})
    return outcome if all((out / crop).is_file() for crop in outcome.crops) else None


def _main_face(
    row: ManifestRow, plan: CropPlan, detector: FaceDetector, limits: Limits
) -> tuple[list[NDArray[np.uint8]], Status, str]:
    """The crops of the person whose faces cover most in all, or the status and reason why there are none."""
    tracker = FaceTracker()
    crops: dict[int, list[NDArray[np.uint8]]] = {}
    covered: Counter[int] = Counter()
    refused: Counter[tuple[Status, str]] = Counter()
    info = probe(row.path, limits)
    for frame in _frames(row, plan, limits):
        still = info.kind is MediaKind.IMAGE
        faces = detect_in_picture(detector, frame.rgb) if still else detector.detect(frame.rgb)
        for item in tracker.update(frame.rgb, frame.pts_s, faces):
            crop = crop_face(frame.rgb, item.face.box_xyxy, plan.size)
            status, reason = assess(crop, item.face.box_xyxy)
            if status is not Status.SCORED:
                refused[status, reason] += 1
                continue
            crops.setdefault(item.track, []).append(crop)
            covered[item.track] += round(float(area(item.face.box_xyxy)))
    if covered:
        return crops[covered.most_common(1)[0][0]], Status.SCORED, ""
    if refused:
        status, reason = refused.most_common(1)[0][0]
        return [], status, reason
    return [], Status.NO_FACE, f"no face was found in the frames looked at ({plan.frames} or fewer)"


def _frames(row: ManifestRow, plan: CropPlan, limits: Limits) -> Iterator[Frame]:
    if row.start_s is None and row.end_s is None:
        yield from read_frames(row.path, Uniform(plan.frames), limits)
        return
    start_s = row.start_s or 0.0
    end_s = row.end_s if row.end_s is not None else probe(row.path, limits).duration_s
    sampling: Sampling = Uniform(plan.frames) if end_s is None else AtRate(plan.frames / max(end_s - start_s, 1e-3))
    for frame in read_frames(row.path, sampling, limits):
        if end_s is not None and frame.pts_s >= end_s:
            return
        if frame.pts_s >= start_s:
            yield frame
