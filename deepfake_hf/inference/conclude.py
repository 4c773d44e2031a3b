"""The last step: from what the passes observed to a result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deepfake_hf.inference import assemble
from deepfake_hf.inference.faces_pass import FacesPass
from deepfake_hf.inference.speech_pass import SpeechPass
from deepfake_hf.inference.versions import versions
from deepfake_hf.scoring.decision import BranchCalibration, band, decide
from deepfake_hf.scoring.fusion import RULE, UNCALIBRATED_RULE, Fused, fuse
from deepfake_hf.types import (
    BranchResult,
    DetectionResult,
    MediaKind,
    OperatingBand,
    Segment,
    Status,
    TrackResult,
    Verdict,
    WindowScore,
)

UNCALIBRATED = "P(fake) is this model's own and not calibrated: nobody has measured how often genuine media reach it"


@dataclass
class Observation:
    """What is known of one medium: its name, the passes over it (None where there was nothing to pass over), costs.

    ``started`` is ``time.perf_counter()`` at the start; ``step_s`` the seconds that one sampled frame stands for.
    """

    name: str
    started: float
    kind: MediaKind | None = None
    duration_s: float | None = None
    sha256: str | None = None
    faces: FacesPass | None = None
    speech: SpeechPass | None = None
    step_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


class Concluder:
    """Turns observations into results with one bundle's calibration.

    Args:
        calibrations: by branch name; empty for a third-party model, which then gets no verdict but ``uncertain``
            unless the limit is a number, no segments under a limit by name, and a warning.
        weights: how results name the bundle.
    """

    def __init__(self, calibrations: Mapping[str, BranchCalibration], weights: str) -> None:
        self.calibrations = calibrations
        self.weights = weights
        self.versions = versions()
        self._rule = RULE if calibrations else UNCALIBRATED_RULE

    def without_answer(self, seen: Observation, status: Status, reason: str) -> DetectionResult:
        """A result that says why there is no score."""
        return DetectionResult(
            path=seen.name,
            status=status,
            verdict=None,
            p_fake=None,
            reason=reason,
            kind=seen.kind,
            duration_s=seen.duration_s,
            interval=None,
            coverage=0.0,
            band=None,
            branches=(),
            tracks=(),
            windows=(),
            segments=(),
            rule=self._rule,
            sha256=seen.sha256,
            weights=self.weights,
            versions=self.versions,
            warnings=(*seen.warnings, *(() if self.calibrations else (UNCALIBRATED,))),
            seconds=time.perf_counter() - seen.started,
            timings=dict(seen.timings),
        )

    def conclude(self, seen: Observation, threshold: str | float) -> DetectionResult:
        """Fuse what was observed into a verdict, or say why there is none.

        Args:
            seen: the passes, fed to the end.
            threshold: as ``scoring.decision.parse_threshold`` gives it.
        """
        branches: list[BranchResult] = []
        windows: list[WindowScore] = []
        segments: list[Segment] = []
        tracks: tuple[TrackResult, ...] = ()
        tallies = seen.faces.finish() if seen.faces else []
        face_voices = assemble.face_voices(tallies)
        if seen.faces:
            limits = self.band_of("face", threshold)
            fused = fuse(face_voices, self.calibrations) if face_voices else None
            expected = round(seen.duration_s / seen.step_s) if seen.duration_s and seen.step_s else 1
            branches.append(
                assemble.face_branch_result(seen.faces, tallies, expected, limits, fused, f"face of {self.weights}")
            )
            windows += sorted((w for t in tallies for w in t.windows), key=lambda w: (w.start_s, w.track or 0))
            tracks = assemble.track_results(tallies, limits, max(seen.step_s, 0.04))
            segments += [segment for track in tracks for segment in track.segments]
        if seen.speech:
            limits = self.band_of("speech", threshold)
            expected_s = seen.duration_s if seen.kind is MediaKind.AUDIO else None
            branches.append(assemble.speech_branch_result(seen.speech, expected_s, limits, f"speech of {self.weights}"))
            windows += seen.speech.windows
            segments += assemble.speech_segments(seen.speech, limits, self.calibrations.get("speech"))
        scored = [branch for branch in branches if branch.status is Status.SCORED]
        if not scored:
            status = branches[0].status if branches else Status.UNSUPPORTED
            why = "; ".join(branch.reason for branch in branches)
            why = why or "no branch of this bundle reads this kind of medium"
            blank = self.without_answer(seen, status, f"could not score, because {why}")
            return replace(blank, branches=tuple(branches), tracks=tracks)
        fused = fuse([*face_voices, *assemble.speech_voices(seen.speech)], self.calibrations)
        limits = self.band_of(fused.voice.branch, threshold)
        whole, changed = decide(fused.p_fake, limits), assemble.changed_part(tracks, tallies)
        verdict = Verdict.UNCERTAIN if changed is not None and whole is Verdict.REAL else whole
        silent = [branch for branch in branches if branch.status is not Status.SCORED]
        return replace(
            self.without_answer(seen, Status.SCORED, _reason(whole, fused, limits, changed, silent)),
            verdict=verdict,
            p_fake=fused.p_fake,
            interval=fused.interval,
            coverage=next(branch.coverage for branch in scored if branch.branch == fused.voice.branch),
            band=limits,
            branches=tuple(branches),
            tracks=tracks,
            windows=assemble.with_probability(windows),
            segments=tuple(segments),
        )

    def band_of(self, branch: str, threshold: str | float) -> OperatingBand | None:
        """The limits of a branch that a threshold means; None where nobody has calibrated it."""
        held = self.calibrations.get(branch)
        return band(held.operating_points if held else None, threshold)


def _reason(
    whole: Verdict, fused: Fused, limits: OperatingBand | None, changed: Segment | None, silent: list[BranchResult]
) -> str:
    who = "the sound" if fused.voice.name == "sound" else fused.voice.name
    chosen = f", the most suspicious of {fused.num_voices} voices" if fused.num_voices > 1 else ""
    if limits is None:
        where = "has no limit to be held against, because this model is not calibrated; give a number as the limit"
    else:
        where = {
            Verdict.FAKE: f"is at or above the fake limit {limits.fake_at:.3f}",
            Verdict.REAL: f"is below the real limit {limits.real_below:.3f}",
            Verdict.UNCERTAIN: (
                f"lies between the limits {limits.real_below:.3f} (real) and {limits.fake_at:.3f} (fake)"
            ),
        }[whole]
    part = ""
    if changed is not None:
        part = (
            f"; but face {changed.track} leaps to P(fake) {changed.p_fake:.3f} from {changed.start_s:.1f} to "
            f"{changed.end_s:.1f} s: a part may have been changed"
        )
    unheard = "".join(f"; {branch.branch} not scored: {branch.reason}" for branch in silent)
    return f"{who}{chosen}: P(fake) {fused.p_fake:.3f} {where}{part}{unheard}"
