"""A running verdict for every face of a live source: a frame goes in, its faces with their readings come out."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.inference.assemble import MIN_TRACK_FACES
from deepfake_hf.inference.conclude import Concluder, Observation
from deepfake_hf.inference.faces_pass import TrackTally
from deepfake_hf.inference.session import LiveSession
from deepfake_hf.scoring.aggregation import robust_mean
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.decision import decide
from deepfake_hf.types import DetectionResult, SeenFace

RUNNING_S = 2.0  # of one face's last scores, which its reading stands on
STEADY = 5  # of them, since single frames waver: where a slow machine has fewer, the last STEADY of SLOW_S are taken
SLOW_S = 6.0


class LiveWatch:
    """Follows one live source; made by ``Detector.live``.

    No thread of its own: most frames only move the boxes on (a few ms), those that are due are searched and scored.

    Args:
        session: of this source.
        concluder: of the bundle.
        threshold: as ``scoring.decision.parse_threshold`` gives it.
        load: share of the time, in (0, 1], that searching and scoring may take; on a slow machine frames are analysed
            less often than every ``session.step_s``. None: never less often, so that answers do not depend on speed.
    """

    def __init__(
        self, session: LiveSession, concluder: Concluder, threshold: str | float, load: float | None = 0.5
    ) -> None:
        self._session, self._concluder, self._threshold = session, concluder, threshold
        self._limits = concluder.band_of("face", threshold)
        self._load = load
        self._shortest_s = session.step_s
        self.analysed = False

    @property
    def step_s(self) -> float:
        """Seconds from one analysed frame to the next, as things stand."""
        return self._session.step_s

    def push_frame(self, rgb: NDArray[np.uint8], pts_s: float) -> tuple[SeenFace, ...]:
        """Take one frame.

        Args:
            rgb: uint8 (H, W, 3), upright; the size may change.
            pts_s: seconds; must not fall.

        Returns:
            The faces of this frame, by track. Each reading runs over the last ``RUNNING_S`` seconds of that face; on a
            machine that scores fewer than ``STEADY`` frames in them over the last ``STEADY``, of ``SLOW_S`` at most.

        Raises:
            UsageError: The frame is none, or time runs backwards.
        """
        started = time.perf_counter()
        before = self._session.num_analysed
        tracked = self._session.push_frame(rgb, pts_s)
        self.analysed = self._session.num_analysed > before
        if self.analysed and self._load:
            cost_s = time.perf_counter() - started
            self._session.step_s = max(self._shortest_s, cost_s / self._load)
        tallies = self._session.faces.tracks if self._session.faces else {}
        height, width = rgb.shape[:2]
        edges = np.array([width, height, width, height], np.float32)
        return tuple(
            self._reading(item.track, np.clip(item.face.box_xyxy, 0, edges), tallies.get(item.track), pts_s)
            for item in tracked
        )

    def push_samples(self, samples: NDArray[np.float32]) -> None:
        """Take float32 (n,) mono samples in [-1, 1], at the rate that was agreed on."""
        self._session.push_samples(samples)

    def result(self) -> DetectionResult:
        """The answer over the last seconds (``inference.session.MEMORY_S``)."""
        seen = Observation("<stream>", time.perf_counter(), step_s=self._session.step_s)
        seen.faces, seen.speech = self._session.heard()
        return self._concluder.conclude(seen, self._threshold)

    def _reading(self, track: int, box: NDArray[np.float32], tally: TrackTally | None, pts_s: float) -> SeenFace:
        left, top, right, bottom = (float(value) for value in box)
        windows = tally.windows if tally else []
        late = [window.logit_fake for window in windows if window.start_s >= pts_s - RUNNING_S]
        if late and len(late) < STEADY:
            late = [window.logit_fake for window in windows if window.start_s >= pts_s - SLOW_S][-STEADY:]
        if len(late) < MIN_TRACK_FACES:
            why = "" if late or not tally else tally.last_reason
            why = why or f"{len(late)} of the {MIN_TRACK_FACES} scores that a reading needs"
            return SeenFace(track, (left, top, right, bottom), None, None, why)
        p_fake = sigmoid(robust_mean(late))
        return SeenFace(track, (left, top, right, bottom), p_fake, decide(p_fake, self._limits))
