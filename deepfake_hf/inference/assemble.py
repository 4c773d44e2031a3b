"""From the passes' tallies to branch, track and media answers, each with its status and reason in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from deepfake_hf.inference.faces_pass import FacesPass, TrackTally
from deepfake_hf.inference.speech_pass import MIN_SPEECH_S, SpeechPass
from deepfake_hf.scoring.aggregation import interval, robust_mean, suspicious_segments
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.changed_parts import changed_parts
from deepfake_hf.scoring.decision import BranchCalibration, decide
from deepfake_hf.scoring.fusion import Fused, Voice
from deepfake_hf.scoring.stretches import finest, standing_out
from deepfake_hf.types import BranchResult, OperatingBand, Segment, Status, TrackResult, WindowScore

MIN_TRACK_FACES = 3
_REFUSALS = {
    Status.FACE_TOO_SMALL: "too small",
    Status.TOO_BLURRY: "too blurry",
    Status.TOO_DARK: "too dark",
}


def with_probability(windows: Iterable[WindowScore]) -> tuple[WindowScore, ...]:
    """The same windows with ``p_fake`` filled in."""
    return tuple(replace(window, p_fake=sigmoid(window.logit_fake)) for window in windows)


def voting_tracks(tracks: Sequence[TrackTally]) -> list[TrackTally]:
    """Tracks that have a voice: three scored frames or more, or, where none has so many, all with a scored frame."""
    steady = [track for track in tracks if len(track.windows) >= MIN_TRACK_FACES]
    return steady or [track for track in tracks if track.windows]


def face_voices(tracks: Sequence[TrackTally]) -> list[Voice]:
    """One voice a person."""
    return [
        Voice(f"face {t.track}", "face", t.track, tuple(w.logit_fake for w in t.windows)) for t in voting_tracks(tracks)
    ]


def speech_voices(speech: SpeechPass | None) -> list[Voice]:
    """The sound's voice, where there was speech to score."""
    if speech is None or not speech.windows:
        return []
    return [Voice("sound", "speech", None, tuple(w.logit_fake for w in speech.windows))]


def segments_of(windows: Sequence[WindowScore], limits: OperatingBand | None, step_s: float) -> tuple[Segment, ...]:
    """Suspicious stretches of one branch and track under the band in force; none where there is no band."""
    if limits is None:
        return ()
    return suspicious_segments(windows, limits.fake_at, limits.real_below, join_gap_s=max(1.0, 2 * step_s))


def speech_segments(
    speech: SpeechPass, limits: OperatingBand | None, calibration: BranchCalibration | None
) -> tuple[Segment, ...]:
    """Suspicious stretches of the sound: of its windows under the band in force, and short ones that stand out."""
    long = segments_of(speech.windows, limits, 0.5)
    if calibration is None or calibration.stretches is None:
        return long
    return finest(long, standing_out(speech.short_windows, calibration.stretches))


def track_results(tracks: Sequence[TrackTally], limits: OperatingBand | None, step_s: float) -> tuple[TrackResult, ...]:
    """Every track's own answer, uncorrected for the number of tracks."""
    results = []
    for track in tracks:
        scored = len(track.windows)
        if scored:
            p_fake = sigmoid(robust_mean([w.logit_fake for w in track.windows]))
            status, verdict = Status.SCORED, decide(p_fake, limits)
            reason = f"{scored} of {track.num_faces} sightings scored"
        else:
            p_fake, verdict = None, None
            status = track.refused.most_common(1)[0][0] if track.refused else Status.NO_FACE
            reason = track.last_reason or "no sighting could be scored"
        results.append(
            TrackResult(
                track.track,
                track.start_s,
                track.end_s,
                track.num_faces,
                scored,
                status,
                reason,
                verdict,
                p_fake,
                segments_of(track.windows, limits, step_s),
            )
        )
    return tuple(results)


def changed_part(results: Sequence[TrackResult], tracks: Sequence[TrackTally]) -> Segment | None:
    """The likeliest of the stretches that leap out of their track; None where no face has one."""
    windows = {track.track: track.windows for track in tracks}
    found = [part for one in results for part in changed_parts(one.segments, windows[one.track])]
    return max(found, key=lambda part: part.p_fake, default=None)


def face_branch_result(
    faces: FacesPass,
    tracks: Sequence[TrackTally],
    expected_frames: int,
    limits: OperatingBand | None,
    fused: Fused | None,
    weights: str,
) -> BranchResult:
    """The face branch's answer, or why it has none."""
    num_windows = sum(len(track.windows) for track in tracks)
    coverage = min(1.0, faces.num_frames_scored / max(expected_frames, faces.num_frames, 1))
    if fused is not None:
        people = f"{len(tracks)} face{'s' if len(tracks) != 1 else ''}"
        reason = f"{people}, {num_windows} sightings scored in {faces.num_frames_scored} of {faces.num_frames} frames"
        return BranchResult(
            "face",
            Status.SCORED,
            reason,
            decide(fused.p_fake, limits),
            fused.p_fake,
            fused.interval,
            coverage,
            num_windows,
            weights,
        )
    refused: Counter[Status] = sum((track.refused for track in tracks), Counter())
    if refused:
        status, count = refused.most_common(1)[0]
        example = next(track.last_reason for track in tracks if track.refused[status])
        reason = f"{count} sightings of a face, each {_REFUSALS.get(status, status.value)} ({example})"
    else:
        status, reason = Status.NO_FACE, f"no face was found in {faces.num_frames} frames"
    return BranchResult("face", status, reason, None, None, None, 0.0, 0, weights)


def speech_branch_result(
    speech: SpeechPass, expected_s: float | None, limits: OperatingBand | None, weights: str
) -> BranchResult:
    """The speech branch's answer, or why it has none."""
    duration_s = max(speech.duration_s, expected_s or 0.0)
    if speech.windows:
        margins = [w.logit_fake for w in speech.windows]
        p_fake = sigmoid(robust_mean(margins))
        covered_s, reach_s = 0.0, speech.windows[0].start_s
        for window in speech.windows:
            covered_s += max(0.0, window.end_s - max(window.start_s, reach_s))
            reach_s = max(reach_s, window.end_s)
        reason = f"{speech.speech_s:.1f} s of speech in {duration_s:.1f} s of sound, {len(margins)} windows scored"
        return BranchResult(
            "speech",
            Status.SCORED,
            reason,
            decide(p_fake, limits),
            p_fake,
            interval(margins),
            min(1.0, covered_s / max(duration_s, 1e-6)),
            len(margins),
            weights,
        )
    if speech.duration_s < MIN_SPEECH_S:
        status, reason = Status.TOO_SHORT, f"{speech.duration_s:.2f} s of sound; at least {MIN_SPEECH_S} s are needed"
    else:
        status = Status.NO_SPEECH
        found = f"{speech.speech_s:.1f} s of speech in {duration_s:.1f} s of sound"
        reason = f"{found}; {MIN_SPEECH_S} s in one window are needed"
    return BranchResult("speech", status, reason, None, None, None, 0.0, 0, weights)
