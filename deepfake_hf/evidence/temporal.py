"""What a face does from frame to frame, as findings and plots: tremble, motion against the head, blinks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.flow import FaceFlow
from deepfake_hf.evidence.landmark_motion import BLINKS_PER_MIN, JITTER, MIN_BLINK_S, LandmarkMotion
from deepfake_hf.evidence.measures import Reading, finding_of, silent
from deepfake_hf.types import Finding, Plot, PlotLine

_JITTER: Final = "Tremble of landmarks"
_FLOW: Final = "Motion of face and head"
_BLINKS: Final = "Blinks"
_LOW, _HIGH = BLINKS_PER_MIN
_BLINKS_MEAN: Final = (
    f"Adults blink {_LOW} to {_HIGH} times a minute, least when reading and most in conversation (Doughty 2001, 95 % "
    "intervals of 1.4 to 14.4 and 10.5 to 32.5; means of 4.5, 17 at rest and 26 in 150 subjects, Bentivoglio et al. "
    "1997). Early face swaps hardly blinked."
)
_BLINKS_NOT: Final = (
    "That a face is fake or genuine: a swap takes over the blinks of the person beneath, and the landmarks here follow "
    "closing lids in part only, so blinks are missed. How many is not measured (docs/evidence.md): a fact without a "
    "strength."
)


class FaceMotions:
    """Gathers tracks frame by frame."""

    def __init__(self) -> None:
        self.landmarks: dict[int, LandmarkMotion] = {}
        self.flows: dict[int, FaceFlow] = {}

    def add(
        self,
        rgb: NDArray[np.uint8],
        box_xyxy: NDArray[np.float32],
        landmarks_xy: NDArray[np.float32],
        track: int,
        pts_s: float,
    ) -> None:
        """Take one face of one frame: uint8 (H, W, 3), float32 (4,) and (68, 2) in its pixels."""
        self.landmarks.setdefault(track, LandmarkMotion()).add(landmarks_xy, pts_s)
        self.flows.setdefault(track, FaceFlow()).add(rgb, box_xyxy, landmarks_xy, pts_s)

    def readings(self) -> list[Reading]:
        """All that could be measured."""
        found = [motion.jitter(f"face {track}") for track, motion in sorted(self.landmarks.items())]
        own = [reading for reading in found if isinstance(reading, Reading)]
        for track, flow in sorted(self.flows.items()):
            moved = flow.readings(f"face {track}")
            own += [] if isinstance(moved, str) else moved
        return own

    def findings(self) -> list[Finding]:
        """Of each kind one; none where no face came."""
        if not self.landmarks:
            return []
        looked = [(f"face {track}, looked at", f"{motion.looked_s:.1f} s at {motion.rate:.0f} frames a second")
                  for track, motion in sorted(self.landmarks.items())]  # fmt: skip
        readings = self.readings()
        shaky = [motion.jitter(f"face {track}") for track, motion in sorted(self.landmarks.items())]
        moved = [flow.readings(f"face {track}") for track, flow in sorted(self.flows.items())]
        return [
            self._of(
                _JITTER, [r for r in readings if r.measure == JITTER], [w for w in shaky if isinstance(w, str)], looked,
                "A face that was made or pasted frame by frame can tremble against itself; a skull cannot.",
                "That a tremble is a forgery: the landmarks tremble by themselves, more in small, dark or compressed "
                "faces.",
            ),
            self._of(
                _FLOW, [r for r in readings if r.measure != JITTER], [w for w in moved if isinstance(w, str)], looked,
                "A pasted face can slide against the head or flicker within it.",
                "That sliding is a forgery: where the ring holds background and not hair or ears, a moving head slides "
                "against it by itself, and expressions move the brow.",
            ),
            self._blinks(),
        ]  # fmt: skip

    @staticmethod
    def _of(
        title: str, readings: list[Reading], why: list[str], facts: list[tuple[str, str]], means: str, not_: str
    ) -> Finding:
        if not readings:
            return silent("temporal", title, "; ".join(why))
        return finding_of("temporal", title, readings, means, not_, [*facts, *(("left out", one) for one in why)])

    def _blinks(self) -> Finding:
        told, facts = [], []
        for track, motion in sorted(self.landmarks.items()):
            found = motion.blinks()
            if isinstance(found, str):
                facts.append((f"face {track}", found))
                continue
            rate = 60 * len(found) / motion.looked_s
            inside = "within" if _LOW <= rate <= _HIGH else "outside"
            told.append(f"face {track}: {len(found)} dips of the eyelids in {motion.looked_s:.0f} s, {rate:.1f} a "
                        f"minute, {inside} the published human range")  # fmt: skip
            facts.append((f"face {track}, dips end at (s)", ", ".join(f"{at:.1f}" for at in found) or "none"))
        if not told:
            return silent("temporal", _BLINKS, "; ".join(f"{who}: {why}" for who, why in facts))
        return Finding("temporal", _BLINKS, "; ".join(told), None, _BLINKS_MEAN, _BLINKS_NOT, facts=tuple(facts))

    def plots(self) -> list[Plot]:
        """Tremble by second, and the eyes of faces seen long enough to count blinks."""
        trembles = [
            PlotLine(f"face {track}", *motion.tremble_by_second())
            for track, motion in sorted(self.landmarks.items())
            if len(motion.tremble_by_second()[0]) > 1
        ][:4]
        plots = []
        if trembles:
            plots.append(
                Plot(
                    "tremble", "temporal", "Tremble of eyes and nose",
                    "Median of each second: how far the points lie from the middle of their places one frame before "
                    "and after, the head's own motion taken out.",
                    "seconds", "% of the eye distance", tuple(trembles),
                )
            )  # fmt: skip
        eyes = [
            PlotLine(f"face {track}", *motion.eyes())
            for track, motion in sorted(self.landmarks.items())
            if motion.looked_s >= MIN_BLINK_S
        ][:4]
        if eyes:
            caption = "Height over width of the eyes (mean of both); short dips are counted as blinks."
            plots.append(
                Plot("eyes", "temporal", "Opening of the eyes", caption, "seconds", "aspect ratio", tuple(eyes))
            )
        return plots
