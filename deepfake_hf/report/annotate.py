"""Frames with boxes, readings and a strip of scores drawn in. No frame is kept."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from deepfake_hf.report.boxes import COLOURS, draw_face, font_of, unit_of
from deepfake_hf.report.resizing import fitted
from deepfake_hf.report.words import STATUS
from deepfake_hf.scoring.aggregation import per_second
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.decision import THRESHOLD_NAMES, band, decide
from deepfake_hf.types import DetectionResult, Frame, OperatingBand, SeenFace, Verdict, WindowScore

Box = tuple[float, float, float, float]
Under = Callable[[NDArray[np.uint8], float, list[SeenFace]], NDArray[np.uint8]]
MAX_LANES: Final = 6
_GROUND, _INK, _QUIET, _LANE = (24, 28, 38), (240, 242, 246), (165, 172, 186), (40, 46, 60)
_SMOOTH_S: Final = 0.5
_MAX_GAP_S: Final = 2.1  # frames are analysed at least once a second by default; a longer silence is no face


class Annotator:
    """Draws one result into the frames of its medium.

    Args:
        result: What was found.
        operating_points: By branch and name, for the limits of each branch.
        size_wh: Width and height of what is drawn, pixels; frames of another size are fitted into it.
        under: Changes a frame uint8 (H, W, 3) at a time (s) with these faces before the boxes are drawn.
    """

    def __init__(
        self,
        result: DetectionResult,
        operating_points: Mapping[str, Mapping[str, float]],
        size_wh: tuple[int, int],
        under: Under | None = None,
    ) -> None:
        self._under = under
        self._result, self._points, self._size = result, operating_points, size_wh
        self._unit = unit_of(size_wh)
        self._font = font_of(self._unit)
        self._tracks: dict[int, list[WindowScore]] = {}
        for window in result.windows:
            if window.track is not None and window.box_xyxy is not None:
                self._tracks.setdefault(window.track, []).append(window)
        self._lane_top = 0.0
        self._starts = {track: [window.start_s for window in own] for track, own in self._tracks.items()}
        self._strip, self._lane_x = self._draw_strip()

    def frames(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, each uint8 (H + strip, W, 3) of ``size_wh`` and the strip, at the same times."""
        for frame in frames:
            yield Frame(self.draw(frame.rgb, frame.pts_s), frame.pts_s, frame.index)

    def faces_at(self, pts_s: float) -> list[SeenFace]:
        """The faces at a moment; between two analysed frames the box is on the way from one to the other."""
        found = []
        for track, own in self._tracks.items():
            starts = self._starts[track]
            after = bisect_left(starts, pts_s)
            before = own[max(0, after - 1)] if after == len(own) or starts[after] > pts_s else own[after]
            later = own[min(after, len(own) - 1)]
            if not before.start_s - 1e-6 <= pts_s < max(before.end_s, later.start_s) + 1e-6:
                continue
            if later.start_s - before.start_s > _MAX_GAP_S:
                if pts_s >= before.end_s:
                    continue
                later = before
            near = own[bisect_left(starts, pts_s - _SMOOTH_S) : bisect_right(starts, pts_s + _SMOOTH_S)] or [before]
            p_fake = sigmoid(float(np.mean([window.logit_fake for window in near])))
            box = _between(before, later, pts_s)
            found.append(SeenFace(track, box, p_fake, decide(p_fake, self._limits("face"))))
        return found

    def draw(self, rgb: NDArray[np.uint8], pts_s: float) -> NDArray[np.uint8]:
        """Args: rgb: uint8 (H, W, 3). Returns: uint8 (H + strip, W, 3)."""
        faces = self.faces_at(pts_s)
        picture = Image.fromarray(rgb if self._under is None else self._under(rgb, pts_s, faces))
        pen = ImageDraw.Draw(picture)
        for seen in faces:
            draw_face(pen, seen, picture.size)
        strip = self._strip.copy()
        left, right, end_s = self._lane_x
        x = left + (right - left) * min(1.0, pts_s / end_s)
        ImageDraw.Draw(strip).line(
            (x, self._lane_top, x, strip.height), fill=_INK, width=max(1, round(1.5 * self._unit))
        )
        return np.concatenate([fitted(np.asarray(picture), self._size), np.asarray(strip)])

    def _limits(self, branch: str) -> OperatingBand | None:
        held = self._result.band
        if held is None:
            return None
        points = self._points.get(branch)
        return band(dict(points) if points else None, held.name if held.name in THRESHOLD_NAMES else held.fake_at)

    def _draw_strip(self) -> tuple[Image.Image, tuple[float, float, float]]:
        """The strip without its cursor, and where its lanes begin and end (pixels) and what time their end is."""
        unit, font, width = self._unit, self._font, self._size[0]
        rows = per_second(self._result.windows)
        lanes: dict[int | None, list[WindowScore]] = {}
        for row in rows:
            lanes.setdefault(row.track, []).append(row)
        kept = sorted(lanes, key=lambda lane: -max(row.logit_fake for row in lanes[lane]))[:MAX_LANES]
        names = {lane: "sound" if lane is None else f"face {lane}" for lane in kept}
        line, pad = round(20 * unit), round(8 * unit)
        heads = 1 if self._one_row(pad) or self._result.verdict is None else 2
        height = 2 * pad + line * (1 + heads + len(kept))
        height += (height + self._size[1]) % 2  # 4:2:0 wants even sides
        strip = Image.new("RGB", (width, height), _GROUND)
        pen = ImageDraw.Draw(strip)
        self._head(pen, pad, line * (heads - 1))
        left = pad + max((font.getlength(name) for name in names.values()), default=0) + pad
        right = max(left + 1.0, float(width - pad))
        end_s = max([self._result.duration_s or 0.0, *(row.start_s for row in rows), 0.1])
        scale = (right - left) / end_s
        y = float(pad + line * heads)
        self._lane_top = y
        for lane in sorted(kept, key=lambda lane: (lane is None, lane or 0)):
            pen.text((pad, y + 2 * unit), names[lane], font=font, fill=_INK)
            pen.rectangle((left, y + 2 * unit, right, y + line - 2 * unit), fill=_LANE)
            limits = self._limits("speech" if lane is None else "face")
            for row in lanes[lane]:
                p_fake = row.p_fake or 0.0
                tall = max(2 * unit, p_fake * (line - 4 * unit))
                low = y + line - 2 * unit
                x1 = min(right, left + row.end_s * scale) - 1
                colour = COLOURS[decide(p_fake, limits)]
                pen.rectangle(
                    (left + row.start_s * scale, low - tall, max(x1, left + row.start_s * scale), low), fill=colour
                )
            y += line
        for second in _ticks(end_s, (right - left) / (70 * unit)):
            text = f"{second:g} s"
            x = min(left + second * scale, right - font.getlength(text))
            pen.text((x, y + 2 * unit), text, font=font, fill=_QUIET)
        return strip, (left, right, end_s)

    def _whole(self) -> str:
        result = self._result
        if result.verdict is None or result.p_fake is None:
            return f"no verdict: {STATUS[result.status].lower()}"
        text = f"whole file: {result.verdict.value}, P(fake) {result.p_fake:.2f}"
        if self._font.getlength(text) + 40 * self._unit < self._size[0]:
            return text
        return f"{result.verdict.value} {result.p_fake:.2f}"

    def _one_row(self, pad: int) -> bool:
        """Whether the verdict and the meaning of the colours go beside each other."""
        words = self._whole() + "".join(verdict.value for verdict in COLOURS)
        return self._font.getlength(words) + 2 * pad + 110 * self._unit < self._size[0]

    def _head(self, pen: ImageDraw.ImageDraw, pad: int, lower: int) -> None:
        """The verdict on the whole file and, ``lower`` pixels below, what the colours mean."""
        font, unit = self._font, self._unit
        side, y = round(10 * unit), pad / 2
        x = float(pad)
        if self._result.verdict is not None:
            pen.rectangle((x, y + 3 * unit, x + side, y + 3 * unit + side), fill=COLOURS[self._result.verdict])
            x += side + 5 * unit
        pen.text((x, y), self._whole(), font=font, fill=_INK)
        if self._result.verdict is None:
            return
        x, y = self._size[0] - float(pad), y + lower
        for verdict in (Verdict.UNCERTAIN, Verdict.FAKE, Verdict.REAL):
            x -= font.getlength(verdict.value)
            pen.text((x, y), verdict.value, font=font, fill=_QUIET)
            x -= side + 4 * unit
            pen.rectangle((x, y + 3 * unit, x + side, y + 3 * unit + side), fill=COLOURS[verdict])
            x -= 12 * unit


def _between(before: WindowScore, later: WindowScore, pts_s: float) -> Box:
    one, other = np.array(before.box_xyxy), np.array(later.box_xyxy)
    length_s = later.start_s - before.start_s
    share = min(1.0, max(0.0, (pts_s - before.start_s) / length_s)) if length_s > 0 else 0.0
    left, top, right, bottom = (float(value) for value in one + share * (other - one))
    return left, top, right, bottom


def _ticks(end_s: float, most: float) -> list[float]:
    """Round seconds from 0 to the end, not more than ``most``."""
    for step in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600):
        if end_s / step <= max(1.0, most):
            return [float(second) for second in np.arange(0, end_s + 1e-6, step)]
    return [0.0]
