"""Scores through time as something to click: every lane moves the player, by mouse or by arrow keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from deepfake_hf.scoring.aggregation import per_second
from deepfake_hf.scoring.decision import THRESHOLD_NAMES, band, decide
from deepfake_hf.types import DetectionResult, MediaKind, OperatingBand, Segment, WindowScore

MAX_BARS = 240  # beyond these one bar a second is drawn
MAX_LANES = 8
MAX_STRETCHES = 20
Points = Mapping[str, Mapping[str, float]]


def timeline(result: DetectionResult, points: Points | None) -> str:
    """One lane for each face and for the sound, the most suspicious first, and the suspicious stretches as buttons.

    Args:
        result: Any result; one without windows, and a picture, gives nothing.
        points: Limits by branch and name.
    """
    windows = [window for window in result.windows if window.p_fake is not None]
    if not windows or result.kind is MediaKind.IMAGE:
        return ""
    end_s = max(result.duration_s or 0.0, *(window.end_s for window in windows), 0.1)
    lanes: dict[int | None, list[WindowScore]] = {}
    for window in windows:
        lanes.setdefault(window.track, []).append(window)
    order = sorted(lanes, key=lambda lane: -max(window.p_fake or 0 for window in lanes[lane]))
    drawn = "".join(
        _lane(lane, lanes[lane], end_s, _limits(result, lanes[lane][0], points)) for lane in order[:MAX_LANES]
    )
    more = len(order) - MAX_LANES
    rest = f'<p class="dh-small">{more} more faces are in the table and in the JSON.</p>' if more > 0 else ""
    return (
        "<h3>Score through time</h3>"
        f'<div class="dh-time" data-end="{end_s:.3f}">{drawn}'
        f'<div class="dh-axis" aria-hidden="true">{_ticks(end_s)}</div></div>'
        '<p class="dh-small">The higher a bar, the more suspicious that moment: fake from the solid line up, real '
        "below the dashed one. Click a lane, or move along it with the arrow keys: the player jumps there.</p>"
        f"{rest}{_stretches(result)}"
    )


def _lane(track: int | None, windows: Sequence[WindowScore], end_s: float, limits: OperatingBand | None) -> str:
    if track is None or len(windows) > MAX_BARS:
        windows = list(per_second(windows))
    name = "Sound" if track is None else f"Face {track}"
    bars = ""
    for window in windows:
        p_fake = window.p_fake or 0.0
        left, wide = 1000 * window.start_s / end_s, 1000 * (window.end_s - window.start_s) / end_s
        high = max(2.0, 100 * p_fake)
        bars += (
            f'<rect class="dh-bar dh-bar-{decide(p_fake, limits).value}" x="{left:.1f}" y="{100 - high:.1f}" '
            f'width="{max(2.0, wide - 1.5):.1f}" height="{high:.1f}"/>'
        )
    scores = " ".join(f"{window.start_s:.2f}:{window.p_fake:.2f}" for window in windows)
    return (
        f'<div class="dh-lane"><span class="dh-lane-name">{name}</span>'
        f'<div class="dh-plot" role="slider" tabindex="0" aria-label="{name}: move the player" aria-valuemin="0" '
        f'aria-valuemax="{end_s:.1f}" aria-valuenow="0" aria-valuetext="0.0 s" data-scores="{scores}">'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">{_zones(limits)}{bars}</svg>'
        '<span class="dh-cursor"></span></div></div>'
    )


def _zones(limits: OperatingBand | None) -> str:
    if limits is None:
        return ""
    fake, real = 100 * limits.fake_at, 100 * limits.real_below
    lines = f'<line class="dh-limit-fake" x1="0" x2="1000" y1="{100 - fake:.1f}" y2="{100 - fake:.1f}"/>'
    if real < fake:
        lines += f'<line class="dh-limit-real" x1="0" x2="1000" y1="{100 - real:.1f}" y2="{100 - real:.1f}"/>'
    return f'<rect class="dh-ground-fake" x="0" y="0" width="1000" height="{100 - fake:.1f}"/>{lines}'


def _limits(result: DetectionResult, window: WindowScore, points: Points | None) -> OperatingBand | None:
    """Those of the window's own branch; the result's are the deciding branch's."""
    if result.band is None:
        return None
    own = (points or {}).get(window.branch)
    return band(
        dict(own) if own else None, result.band.name if result.band.name in THRESHOLD_NAMES else result.band.fake_at
    )


def _ticks(end_s: float) -> str:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200) if end_s / s <= 6), 3600)
    marks, at = "", 0.0
    while at <= end_s + 1e-6:
        place = 100 * at / end_s
        side = " dh-last" if place > 94 else " dh-first" if place < 3 else ""
        marks += f'<span class="dh-tick{side}" style="left:{place:.2f}%">{at:g} s</span>'
        at += step
    return marks


def _stretches(result: DetectionResult) -> str:
    found = sorted((item for item in result.segments if item.end_s > item.start_s), key=lambda item: -item.p_fake)
    if not found:
        return "<p>No stretch of half a second or more reaches the fake limit.</p>" if result.verdict else ""
    items = "".join(f"<li>{_jump(item)}</li>" for item in sorted(found[:MAX_STRETCHES], key=lambda item: item.start_s))
    left = len(found) - MAX_STRETCHES
    more = f'<p class="dh-small">{left} weaker ones are in the JSON.</p>' if left > 0 else ""
    return f'<p>Suspicious stretches; each jumps there:</p><ul class="dh-jumps">{items}</ul>{more}'


def _jump(item: Segment) -> str:
    who = "sound" if item.track is None else f"face {item.track}"
    text = f"{item.start_s:.1f} to {item.end_s:.1f} s, {who}, P(fake) {item.p_fake:.2f}"
    return f'<button type="button" class="dh-jump" data-at="{item.start_s:.3f}">{escape(text)}</button>'
