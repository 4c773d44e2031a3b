"""Evidence taken of media whose label is known: faces, clips and speech as rows of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evidence.face_size import QUALITY, bracket_of
from deepfake_hf.evidence.frequency import SPECTRA, falls_by
from deepfake_hf.evidence.pauses import MEASURES as PAUSES
from deepfake_hf.evidence.score_jumps import JUMP, LARGEST, jumps
from deepfake_hf.evidence.spatial import surfaces
from deepfake_hf.evidence.walk_faces import FindPoints, walk_faces
from deepfake_hf.evidence.walk_sound import SoundWalk
from deepfake_hf.faces import Framing
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import recompress_jpeg
from deepfake_hf.synthesis.self_blend import self_blend

Rgb = NDArray[np.uint8]
REFERENCE, DEV, TEST = "reference", "dev", "test"
_WHOLE: Final = Framing()


@dataclass(frozen=True)
class Sample:
    """What was taken of one medium.

    ``part`` is ``reference`` (genuine, makes the quantiles), ``dev`` (chooses sides) or ``test`` (is reported);
    ``family`` says what is compared with what, ``fakes`` how a fake was made (empty for genuine media); ``group`` is
    the unit that intervals draw; ``curves`` are spectra in dB by name.
    """

    part: str
    family: str
    label: int
    group: str
    fakes: str = ""
    bracket: str = ""
    values: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledFace:
    """A stored crop uint8 (224, 224, 3): its part, label, source video and width in the source in pixels."""

    part: str
    label: int
    source: str
    face_px: float
    rgb: Rgb


def face_sample(crop: Rgb, find: FindPoints, **about: Any) -> Sample:
    """Surfaces and spectra of one crop uint8 (224, 224, 3)."""
    side = crop.shape[0]
    points = find(crop, np.array([0, 0, side, side], np.float32), _WHOLE)
    values = {measure.name: value for measure, value in (surfaces(crop, points) or {}).items()}
    grey = crop.astype(np.float64) @ (0.299, 0.587, 0.114)
    curves = {spectrum.name: spectrum.take(grey)[1] for spectrum in SPECTRA}
    values |= {spectrum.fall.name: falls_by(curves[spectrum.name]) for spectrum in SPECTRA}
    kept = {name: [round(float(v), 3) for v in curve] for name, curve in curves.items()}
    return Sample(values=values, curves=kept, **about)


def face_samples(faces: Iterable[LabelledFace], find: FindPoints, blends: int, seed: int = 0) -> Iterator[Sample]:
    """Rows of stored crops; of the first ``blends`` genuine test crops also a self-blend and the crop itself, both
    saved once more, so that the second compression does not tell them apart."""
    rng, made = np.random.default_rng(seed), 0
    for face in faces:
        bracket = bracket_of(face.face_px)
        if bracket is None:
            continue
        about: dict[str, Any] = {"part": face.part, "group": face.source, "bracket": bracket}
        fakes = "DFDC fakes" if face.label == FAKE else ""
        yield face_sample(face.rgb, find, family="crops", label=face.label, fakes=fakes, **about)
        if face.part == TEST and face.label == REAL and made < blends:
            made += 1
            side = face.rgb.shape[0]
            points = find(face.rgb, np.array([0, 0, side, side], np.float32), _WHOLE)
            blend = self_blend(face.rgb, points, rng).rgb
            for label, name, rgb in ((REAL, "", face.rgb), (FAKE, "self-blended DFDC crops", blend)):
                again = recompress_jpeg(rgb, QUALITY)
                yield face_sample(again, find, family="crops saved twice", label=label, fakes=name, **about)


@dataclass(frozen=True)
class LabelledClip:
    """A clip's file, part, label, source recording and how it was made."""

    path: Path
    part: str
    family: str
    label: int
    source: str
    fakes: str = ""


def clip_samples(clips: Iterable[LabelledClip], detector: Any, find: FindPoints) -> Iterator[Sample]:
    """Rows of clips: of the track with most frames its motion, score jumps, surfaces and spectra.

    Args:
        clips: To look at.
        detector: A ``Detector``.
        find: Finds landmarks.
    """
    for clip in clips:
        result = detector.detect(clip.path)
        tracks = [window.track for window in result.windows if window.track is not None]
        if not tracks:
            continue
        track = max(set(tracks), key=lambda one: (tracks.count(one), -one))
        values: dict[str, float] = {}
        found = jumps([window for window in result.windows if window.track == track])
        if found is not None:
            values |= {JUMP.name: found[0], LARGEST.name: found[1]}
        walk = walk_faces(clip.path, result, find)
        own = walk.readings(track)
        values |= {reading.measure.name: reading.value for reading in own}
        bracket = next((reading.bracket for reading in own if reading.bracket), "")
        curves = {
            spectrum.name: [round(float(v), 3) for v in drawn[track][1]]
            for spectrum in SPECTRA
            if track in (drawn := walk.spectra.curves(spectrum))
        }
        yield Sample(clip.part, clip.family, clip.label, clip.source, clip.fakes, bracket, values, curves)


@dataclass(frozen=True)
class LabelledSpeech:
    """A wave float32 (num_samples,) at 16 kHz, its part, label, speaker and how it was made."""

    wave: NDArray[np.float32]
    part: str
    family: str
    label: int
    speaker: str
    fakes: str = ""


def speech_samples(waves: Iterable[LabelledSpeech]) -> Iterator[Sample]:
    """Rows of speech. Stretches that were cut out of a recording have no pauses or rate of their own: of the family
    ``speech`` these are left out."""
    timed = {measure.name for measure in PAUSES}
    for one in waves:
        walk = SoundWalk()
        walk.add(one.wave)
        values = {reading.measure.name: reading.value for reading in walk.readings()}
        if one.family == "speech":
            values = {name: value for name, value in values.items() if name not in timed}
        yield Sample(one.part, one.family, one.label, one.speaker, one.fakes, values=values)
