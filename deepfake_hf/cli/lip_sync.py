"""Lips and sound of an analysed file, by the lip-sync net of its bundle or, where that has none, of the box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepfake_hf.errors import MediaError

if TYPE_CHECKING:
    from deepfake_hf.detector import Detector
    from deepfake_hf.media import Limits
    from deepfake_hf.types import DetectionResult, Finding, SyncCurve


def lip_sync_evidence(
    file: Path, detector: Detector, result: DetectionResult, limits: Limits
) -> tuple[Finding | None, SyncCurve | None]:
    """The finding and its curve; both None where the file is no video.

    Args:
        file: The medium.
        detector: That has analysed it.
        result: Its answer; lips are looked for from where the longest track begins.
        limits: As in the analysis.
    """
    from deepfake_hf.evidence.lip_sync import LipReader, abstained, lip_sync_finding
    from deepfake_hf.faces import load_face_detector
    from deepfake_hf.hub.bundle import EMBEDDED, lip_sync_in
    from deepfake_hf.media import probe
    from deepfake_hf.types import MediaKind

    if result.kind is not MediaKind.VIDEO or result.status in ("unreadable", "unsupported"):
        return None, None
    folder = detector.bundle.lip_sync or lip_sync_in(EMBEDDED)
    if folder is None:
        return abstained("these weights bring no lip-sync net"), None
    try:
        if not probe(file, limits).num_audio_streams:
            return abstained("no speech: the file has no sound"), None
        if not result.tracks:
            return abstained("no visible speaker: no face in the file"), None
        reader = LipReader(folder, load_face_detector("centerface"), detector.device)
        longest = max(result.tracks, key=lambda track: track.end_s - track.start_s)
        reading = reader.read(file, longest.start_s, limits)
    except MediaError as error:
        return abstained(error.why), None
    return lip_sync_finding(reading, reader.sha256), None if isinstance(reading, str) else reading.curve
