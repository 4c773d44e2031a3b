"""Heat maps of one medium: of the faces that are not called real, of the sound, and which kinds are off."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.scoring.decision import band, parse_threshold
from deepfake_hf.types import DetectionResult, MediaKind, SeenFace, Verdict, WindowScore

if TYPE_CHECKING:
    from deepfake_hf.detector import Detector
    from deepfake_hf.evidence.maps.heat_map import HeatMap
    from deepfake_hf.media import Limits
    from deepfake_hf.report.maps_page import CaseMaps, FaceMaps, SoundMap

Box = tuple[float, float, float, float]
MAX_TRACKS: Final = 3
OF_EACH: Final = 2
MAX_SOUND_S: Final = 15.0
MAP_EVERY_S: Final = 0.25
_FRAME_PX: Final = 960  # longer side of a shown frame
_FACE_PX: Final = 360
_SCALE: Final = "share of this face's strongest place; the white line runs round the upper half"


class FaceMapper:
    """Makes maps of faces by the kind that stands for these weights.

    Args:
        detector: Whose face branch is looked into.

    ``kind`` is None where no kind stands or none can be had; ``off`` says of every other kind why it is off.
    """

    def __init__(self, detector: Detector) -> None:
        from deepfake_hf.evidence.maps.kinds import KINDS, PICTURE, kinds_on, standing

        self._branch: Any = detector.face_branch
        self._points = detector.operating_points().get("face")
        self.kind: str | None = None
        self.off: list[str] = []
        if self._branch is None:
            return
        weights = detector.bundle.branch_sha256("face")
        for name in kinds_on(PICTURE, weights):
            why = _refusal(name, self._branch)
            if why is None:
                self.kind = self.kind or name
            else:
                self.off.append(f"{KINDS[name].title} is off: {why}")
        for name, kind in KINDS.items():
            held = standing(name, weights)
            if kind.medium == PICTURE and not held.on:
                self.off.append(held.why)

    def real_below(self, threshold: str) -> float:
        """P(fake) of a face under which it is called real; 0 where nobody has calibrated these weights."""
        limits = band(self._points, parse_threshold(threshold))
        return limits.real_below if limits else 0.0

    def map_of(self, rgb: NDArray[np.uint8], box: Box) -> HeatMap:
        """The map of one face of a frame uint8 (H, W, 3); only where ``kind`` is not None."""
        from deepfake_hf.evidence.maps.picture import face_map
        from deepfake_hf.faces import crop_face
        from deepfake_hf.inference.faces_pass import CROP_SIZE

        assert self.kind is not None
        return face_map(self.kind, self._branch, crop_face(rgb, np.array(box, np.float32), CROP_SIZE))


class MovingMaps:
    """Lays maps over the faces of a video's frames; each is made anew every ``MAP_EVERY_S`` and moves with its face.

    Args:
        mapper: With a kind.
    """

    def __init__(self, mapper: FaceMapper) -> None:
        from deepfake_hf.evidence.maps.kinds import kind_named

        assert mapper.kind is not None
        self._mapper, self._title = mapper, kind_named(mapper.kind).title
        self._held: dict[int, tuple[float, HeatMap]] = {}

    def __call__(self, rgb: NDArray[np.uint8], pts_s: float, faces: list[SeenFace]) -> NDArray[np.uint8]:
        """The frame uint8 (H, W, 3) with the maps of those faces that are not called real."""
        from deepfake_hf.evidence.maps.draw import frame_overlay
        from deepfake_hf.report.boxes import draw_faces

        shown = [seen for seen in faces if seen.verdict is not Verdict.REAL]
        if not shown:
            return rgb
        laid = []
        for seen in shown:
            made_s, heat = self._held.get(seen.track, (-np.inf, None))
            if heat is None or pts_s - made_s >= MAP_EVERY_S:
                heat = self._mapper.map_of(rgb, seen.box_xyxy)
                self._held[seen.track] = (pts_s, heat)
            laid.append((np.array(seen.box_xyxy, np.float32), heat))
        self._held = {seen.track: self._held[seen.track] for seen in shown}
        return draw_faces(frame_overlay(rgb, laid), (), (f"heat map: {self._title}",))


class MapCollector:
    """Takes the faces of the thumbnails as they come by; keeps small pictures, no frames.

    Args:
        mapper: Makes the maps; without a kind nothing is gathered.
        result: Of the medium.
        threshold: As of the analysis; under its limit for real a face gets no map.
    """

    def __init__(self, mapper: FaceMapper, result: DetectionResult, threshold: str) -> None:
        real_below = mapper.real_below(threshold)
        self.mapper, self._still = mapper, result.kind is MediaKind.IMAGE
        self._num_faces = sum(window.box_xyxy is not None for window in result.windows)
        self._wanted = _wanted(result, real_below) if mapper.kind else {}
        self._shown: dict[int, list[tuple[bytes, str]]] = defaultdict(list)

    def add(self, rgb: NDArray[np.uint8], box: Box, track: int) -> None:
        """One face of one frame uint8 (H, W, 3); those that are not wanted cost nothing."""
        from deepfake_hf.evidence.maps.draw import crop_place, frame_overlay, overlay
        from deepfake_hf.faces import crop_face
        from deepfake_hf.report.thumbnails import jpeg

        window = self._wanted.pop((track, box), None)
        if window is None:
            return
        heat, place = self.mapper.map_of(rgb, box), np.array(box, np.float32)
        left, _, right, _ = crop_place(place, *rgb.shape[:2])
        side = int(np.clip(right - left, _FACE_PX, 2 * _FACE_PX))
        face = crop_face(rgb, place, side)
        values = np.clip(cv2.resize(heat.values, (side, side), interpolation=cv2.INTER_LINEAR), 0, 1)
        when = "" if self._still else f"{window.start_s:.2f} s, "
        self._shown[track] += [
            (jpeg(face), f"the face: {when}P(fake) {window.p_fake:.2f}"),
            (jpeg(overlay(face, np.asarray(values, np.float32))), "under its map"),
            (jpeg(_small(frame_overlay(rgb, [(place, heat)]))), "in the frame"),
        ]

    def faces(self) -> FaceMaps | None:
        """What was gathered; None where no kind stands or no face was scored."""
        from deepfake_hf.evidence.maps.kinds import KINDS
        from deepfake_hf.report.maps_page import FaceMaps
        from deepfake_hf.report.page import Thumbnails

        if self.mapper.kind is None or not self._num_faces:
            return None
        rows = tuple(
            Thumbnails(f"Face {track}", tuple(shown), large=True) for track, shown in sorted(self._shown.items())
        )
        kind = KINDS[self.mapper.kind]
        return FaceMaps(kind.title, kind.shows, _SCALE, rows)


def case_maps(path: Path, result: DetectionResult, detector: Detector, faces: MapCollector, limits: Limits) -> CaseMaps:
    """All maps of a medium, and why others are not shown."""
    from deepfake_hf.report.maps_page import CaseMaps

    saw = any(window.track is not None for window in result.windows)
    sound, silent = _sound(path, result, detector, limits)
    return CaseMaps(faces.faces(), sound, (*(faces.mapper.off if saw else ()), *silent))


def _wanted(result: DetectionResult, real_below: float) -> dict[tuple[int, Box], WindowScore]:
    """Of up to ``MAX_TRACKS`` tracks the most suspicious windows among their thumbnails, if not called real."""
    from deepfake_hf.report.thumbnails import choose_windows

    own: dict[int, list[WindowScore]] = defaultdict(list)
    for window in result.windows:
        if window.track is not None:
            own[window.track].append(window)
    chosen: dict[int, list[WindowScore]] = {}
    for track, windows in own.items():
        best = sorted(choose_windows(windows), key=lambda window: -window.logit_fake)[:OF_EACH]
        chosen[track] = [window for window in best if (window.p_fake or 0.0) >= real_below]
    tracks = sorted((t for t in chosen if chosen[t]), key=lambda t: -chosen[t][0].logit_fake)[:MAX_TRACKS]
    return {(t, window.box_xyxy): window for t in tracks for window in chosen[t] if window.box_xyxy is not None}


def _sound(
    path: Path, result: DetectionResult, detector: Detector, limits: Limits
) -> tuple[SoundMap | None, list[str]]:
    """The map of the most suspicious ``MAX_SOUND_S`` seconds by the first kind that stands and can be had."""
    from deepfake_hf.evidence.maps.kinds import KINDS, SOUND, standing
    from deepfake_hf.evidence.maps.sound import sound_map
    from deepfake_hf.report.maps_page import SoundMap

    windows = [window for window in result.windows if window.branch == "speech"]
    branch: Any = detector.speech_branch
    if not windows or branch is None:
        return None, []
    weights, found, off = detector.bundle.branch_sha256("speech"), None, []
    worst = max(windows, key=lambda window: window.logit_fake)
    middle_s = (worst.start_s + worst.end_s) / 2
    wave: NDArray[np.float32] | None = None
    start_s = 0.0
    for name, kind in KINDS.items():
        held = standing(name, weights)
        if kind.medium != SOUND or (held.on and found is not None):
            continue
        if not held.on:
            off.append(held.why)
            continue
        try:
            if wave is None:
                wave, start_s = _stretch(path, branch.sampling_rate, middle_s, limits)
            heat = sound_map(name, branch, wave)
        except (UsageError, MediaError) as error:
            off.append(f"{kind.title} is off: {error.why}")
            continue
        if heat.values.ndim == 1:
            found = SoundMap(kind.title, kind.shows, heat.legend, heat.values, wave, branch.sampling_rate, start_s)
    return found, off


def _stretch(path: Path, rate: int, middle_s: float, limits: Limits) -> tuple[NDArray[np.float32], float]:
    """Up to ``MAX_SOUND_S`` seconds around a moment, and when they begin; earlier and later blocks are thrown away."""
    from deepfake_hf.media import read_audio

    begin_s, end_s = middle_s - MAX_SOUND_S / 2, middle_s + MAX_SOUND_S / 2
    kept = []
    for block in read_audio(path, rate, limits=limits, block_s=1.0):
        if block.start_s >= max(end_s, MAX_SOUND_S):
            break
        if block.start_s + block.duration_s > begin_s:
            kept.append(block)
    if not kept:
        raise MediaError(f"{path}", "its sound could not be read a second time", "copy the file again")
    joined = np.concatenate([block.waveform for block in kept])
    return joined[: round(MAX_SOUND_S * rate)], kept[0].start_s


def _refusal(kind: str, branch: Any) -> str | None:
    """Why this branch can't give a kind, by trying it on a grey crop; None where it can."""
    from deepfake_hf.evidence.maps.picture import face_map

    try:
        face_map(kind, branch, np.full((64, 64, 3), 128, np.uint8))
    except UsageError as error:
        return error.why
    return None


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _FRAME_PX / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
