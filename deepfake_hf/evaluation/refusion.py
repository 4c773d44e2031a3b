"""A medium's answer from its windows, as the detector fuses them: for stretches of a file and for new calibrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deepfake_hf.inference.assemble import MIN_TRACK_FACES
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.scoring.fusion import Fused, Voice, fuse


def fuse_windows(
    windows: Iterable[tuple[str, int | None, float]], calibrations: Mapping[str, BranchCalibration]
) -> Fused | None:
    """Fuse windows given as branch, person (None for sound) and calibrated margin; None where there are none.

    People seen in fewer than three windows have no voice unless nobody is seen in more.
    """
    found: dict[tuple[str, int | None], list[float]] = {}
    for branch, track, margin in windows:
        found.setdefault((branch, track), []).append(margin)
    voices = [
        Voice("sound" if track is None else f"face {track}", branch, track, tuple(margins))
        for (branch, track), margins in found.items()
    ]
    steady = [voice for voice in voices if voice.track is not None and len(voice.margins) >= MIN_TRACK_FACES]
    voices = [voice for voice in voices if voice.track is None or not steady or voice in steady]
    return fuse(voices, calibrations) if voices else None
