"""The frozen dataclasses that cross rooms. Times are the container's, in seconds; arrays say shape and dtype."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RESULT_SCHEMA_VERSION: Final = "1.0"


class Status(StrEnum):
    """Whether a medium was scored, and if not, why not."""

    SCORED = "scored"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_BLURRY = "too_blurry"
    TOO_DARK = "too_dark"
    NO_SPEECH = "no_speech"
    TOO_SHORT = "too_short"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"


class Verdict(StrEnum):
    """The reading of a calibrated score at the operating points in force."""

    REAL = "real"
    FAKE = "fake"
    UNCERTAIN = "uncertain"


class MediaKind(StrEnum):
    """What a file holds, found by probing it and never by its name."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"


class Strength(StrEnum):
    """How much a finding says about what was done to a file. It never weighs in the verdict."""

    NEUTRAL = "neutral"
    WEAK = "weak"
    MODERATE = "moderate"
    STRONG = "strong"


@dataclass(frozen=True)
class Finding:
    """One piece of evidence beside the verdict, which it never changes.

    ``kind`` is ``container``, ``provenance``, ``compression``, ``spatial``, ``temporal``, ``frequency`` or ``sound``.
    ``finding`` is None where there is no answer, and ``abstained`` then says why. A finding whose ``strength`` is None
    is shown as a fact: it has not been found to tell fakes from genuine media. ``facts`` are pairs of name and value.
    """

    kind: str
    title: str
    finding: str | None
    strength: Strength | None
    means: str
    does_not_mean: str
    abstained: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlotLine:
    """One line of a :class:`Plot`: ``x`` and ``y`` float64 (N,), NaN where it breaks."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Plot:
    """What is drawn beside findings of one kind.

    ``band`` is the range of genuine media, ``x``, ``low`` and ``high`` float64 (N,) each; ``band_label`` says whose.
    ``spans`` are marked stretches of the x axis; ``ticks`` names places on it.
    """

    name: str
    kind: str
    title: str
    caption: str
    x_label: str
    y_label: str
    lines: tuple[PlotLine, ...]
    band: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None
    band_label: str = ""
    spans: tuple[tuple[float, float], ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class SoundPicture:
    """A mel spectrogram: ``level_db`` float32 (bands, T) under the loudest, the bands evenly in mel from 0 to
    ``top_hz``; column i begins at ``start_s + i * step_s``."""

    level_db: NDArray[np.float32]
    start_s: float
    step_s: float
    top_hz: float


@dataclass(frozen=True)
class SyncCurve:
    """How well lips and sound of a clip fit at each offset.

    ``offsets_ms`` int64 (31,), positive where the sound comes too early; ``distances`` float64 (31,), means over the
    windows; ``shuffled_low`` and ``shuffled_high`` between which 90 % of shuffled sounds lie there;
    ``confidence`` the median of ``distances`` minus their minimum; ``p_value`` the share of shuffled sounds, each at
    its own best offset, whose confidence is as large.
    """

    offsets_ms: NDArray[np.int64]
    distances: NDArray[np.float64]
    shuffled_low: NDArray[np.float64]
    shuffled_high: NDArray[np.float64]
    confidence: float
    p_value: float

    @property
    def best_ms(self) -> int:
        """The offset of the smallest distance."""
        return int(self.offsets_ms[int(np.argmin(self.distances))])


@dataclass(frozen=True)
class Frame:
    """One decoded picture: ``rgb`` uint8 (H, W, 3), upright; ``pts_s`` the container's; ``index`` in decode order."""

    rgb: NDArray[np.uint8]
    pts_s: float
    index: int


@dataclass(frozen=True)
class AudioTrack:
    """Mono sound: ``waveform`` float32 (num_samples,) in [-1, 1], ``start_s`` the time of its first sample."""

    waveform: NDArray[np.float32]
    sampling_rate: int
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        return len(self.waveform) / self.sampling_rate


@dataclass(frozen=True)
class MediaInfo:
    """What a probe found. ``None`` means that the container does not say."""

    path: str
    kind: MediaKind
    container: str
    size_bytes: int
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    fps: float | None
    rotation_deg: int
    video_codec: str | None
    audio_codec: str | None
    sampling_rate: int | None
    num_video_streams: int
    num_audio_streams: int


@dataclass(frozen=True)
class Face:
    """One face in one frame.

    ``box_xyxy`` float32 (4,) and ``landmarks5_xy`` float32 (5, 2) (eyes, nose, mouth corners; viewer's left first) in
    pixels of the source frame; ``score`` the detector's confidence in [0, 1].
    """

    box_xyxy: NDArray[np.float32]
    score: float
    landmarks5_xy: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class WindowScore:
    """A model's answer for one stretch of one branch: a frame's face, or a window of sound."""

    start_s: float
    end_s: float
    branch: str
    track: int | None
    logit_fake: float
    p_fake: float | None = None
    box_xyxy: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class ShortWindow(WindowScore):
    """A second of sound, and what the head for such windows says of it beside others of the same sound (``stretches``).

    ``short_margin`` is 0 where the branch has no such head.
    """

    short_margin: float = 0.0


@dataclass(frozen=True)
class SeenFace:
    """One face at one moment: its box in pixels, P(fake) around that moment and the reading of it.

    ``p_fake`` and ``verdict`` are None where nothing was scored, and ``reason`` then says why.
    """

    track: int
    box_xyxy: tuple[float, float, float, float]
    p_fake: float | None
    verdict: Verdict | None
    reason: str = ""


@dataclass(frozen=True)
class Segment:
    """A suspicious stretch: merged windows of one branch (and track) at or over the fake limit."""

    start_s: float
    end_s: float
    branch: str
    track: int | None
    p_fake: float


@dataclass(frozen=True)
class TrackResult:
    """One person's face through time. ``p_fake`` is None where no frame passed the gates; ``status`` says why."""

    track: int
    start_s: float
    end_s: float
    num_faces: int
    num_scored: int
    status: Status
    reason: str
    verdict: Verdict | None
    p_fake: float | None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class BranchResult:
    """One branch's answer on a medium (``face``, ``speech``), or the status and reason why it gave none."""

    branch: str
    status: Status
    reason: str
    verdict: Verdict | None
    p_fake: float | None
    interval: tuple[float, float] | None
    coverage: float
    num_windows: int
    weights: str


@dataclass(frozen=True)
class OperatingBand:
    """The limits in force: ``fake`` at or above ``fake_at``, ``real`` below ``real_below``, ``uncertain`` between."""

    name: str
    fake_at: float
    real_below: float


@dataclass(frozen=True)
class DetectionResult:
    """The answer for one medium; JSON-able and versioned. Two runs are equal apart from ``seconds`` and ``timings``.

    ``p_fake`` is a calibrated P(fake) in [0, 1] and None whenever ``status`` is not ``scored``; ``interval`` is its
    90 % bootstrap interval over windows; ``coverage`` the share of the analysed time that could be scored.
    """

    path: str
    status: Status
    verdict: Verdict | None
    p_fake: float | None
    reason: str
    kind: MediaKind | None
    duration_s: float | None
    interval: tuple[float, float] | None
    coverage: float
    band: OperatingBand | None
    branches: tuple[BranchResult, ...]
    tracks: tuple[TrackResult, ...]
    windows: tuple[WindowScore, ...]
    segments: tuple[Segment, ...]
    rule: str
    sha256: str | None
    weights: str
    versions: dict[str, str]
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)
    schema_version: str = RESULT_SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain types only: floats are rounded to 4 decimals (times to 3), enums become their words."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def _plain(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _plain(item, name) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, key) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (float, np.floating)):
        return round(float(value), 3 if key.endswith("_s") or key == "box_xyxy" else 4)
    if isinstance(value, np.integer):
        return int(value)
    return value
