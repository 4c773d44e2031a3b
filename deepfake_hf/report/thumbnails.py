"""Which face in which frame: small pictures of each track, cut out in one more pass over the file."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import MediaError
from deepfake_hf.faces import crop_face
from deepfake_hf.media import Limits, Sampling, read_frames, read_image
from deepfake_hf.report.page import Thumbnails
from deepfake_hf.types import DetectionResult, Frame, MediaKind, WindowScore

Box = tuple[float, float, float, float]
Look = Callable[[NDArray[np.uint8], Box, int], None]
SIDE_PX: Final = 224  # shown at half the size, so that they are sharp on fine screens and on paper
OF_EACH: Final = 6
MAX_TRACKS: Final = 12
_QUALITY: Final = 82
_SAME_S: Final = 1e-4


def choose_windows(windows: Sequence[WindowScore], of_each: int = OF_EACH) -> list[WindowScore]:
    """Of a track's windows the most suspicious one in each of ``of_each`` equal parts, in order of time."""
    boxed = [window for window in windows if window.box_xyxy is not None and window.p_fake is not None]
    parts = np.array_split(np.arange(len(boxed)), min(of_each, len(boxed))) if boxed else []
    return [max((boxed[place] for place in part), key=lambda window: window.logit_fake) for part in parts]


def track_thumbnails(
    path: Path,
    result: DetectionResult,
    sampling: Sampling,
    limits: Limits | None = None,
    looks: Sequence[Look] = (),
) -> tuple[Thumbnails, ...]:
    """Rows of thumbnails, one a scored track, at most ``MAX_TRACKS``.

    Args:
        path: The file.
        result: What was found in it.
        sampling: The frames that were analysed, so that the wanted ones come by again.
        limits: As in the analysis.
        looks: Each is called with each frame uint8 (H, W, 3) of a thumbnail, the face's box and its track.
    """
    own: dict[int, list[WindowScore]] = defaultdict(list)
    for window in result.windows:
        if window.track is not None:
            own[window.track].append(window)
    shown = sorted(own, key=lambda track: -max(window.logit_fake for window in own[track]))[:MAX_TRACKS]
    wanted = [window for track in sorted(shown) for window in choose_windows(own[track])]
    cut = _cut(_frames(path, result, sampling, limits), wanted, looks)
    rows = []
    for track in sorted(shown):
        pictures = tuple(
            (cut[place], _caption(window, result.kind))
            for place, window in enumerate(wanted)
            if window.track == track and place in cut
        )
        if pictures:
            rows.append(Thumbnails(f"Face {track}", pictures))
    return tuple(rows)


def _frames(path: Path, result: DetectionResult, sampling: Sampling, limits: Limits | None) -> Iterable[Frame]:
    if result.kind is MediaKind.IMAGE:
        return [read_image(path, limits)]
    return read_frames(path, sampling, limits=limits) if result.kind is MediaKind.VIDEO else []


def _cut(
    frames: Iterable[Frame],
    wanted: Sequence[WindowScore],
    looks: Sequence[Look],
) -> dict[int, bytes]:
    """By place in ``wanted`` the face as JPEG; what does not come by is left out."""
    cut: dict[int, bytes] = {}
    last_s = max((window.start_s for window in wanted), default=-1.0)
    try:
        for frame in frames:
            for place, window in enumerate(wanted):
                if window.box_xyxy is not None and abs(window.start_s - frame.pts_s) < _SAME_S:
                    box = np.array(window.box_xyxy, np.float32)
                    cut[place] = jpeg(crop_face(frame.rgb, box, SIDE_PX))
                    for look in looks:
                        look(frame.rgb, window.box_xyxy, window.track or 0)
            if frame.pts_s >= last_s:
                break
    except MediaError:
        return cut  # the analysis has said already what is wrong with the file
    return cut


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """A picture uint8 (H, W, 3) as a small JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _caption(window: WindowScore, kind: MediaKind | None) -> str:
    score = f"P(fake) {window.p_fake:.2f}"
    return score if kind is MediaKind.IMAGE else f"{window.start_s:.2f} s\n{score}"
