"""The maker of ``deepfake-hf synth reenact``: two clips, or a picture and a clip, read side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.cli.synth_faces import FaceOptions, FaceReader, clip_details, first_usable
from deepfake_hf.cli.synth_run import Job, Made, Source, Tell, candidates
from deepfake_hf.errors import MediaError
from deepfake_hf.media import EveryNth, probe, read_frames, read_image
from deepfake_hf.synthesis.clip_faces import FacePath, FindFaces, follow_face
from deepfake_hf.synthesis.clip_runner import change_clip
from deepfake_hf.synthesis.expression import Expressions, expressions_of
from deepfake_hf.synthesis.reenact import Reenactment
from deepfake_hf.types import Frame, MediaInfo, MediaKind

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]


class _Driver:
    """A driving clip, read forwards beside what it drives."""

    def __init__(self, source: Source, info: MediaInfo, faces: FacePath) -> None:
        self.source, self.info, self.faces = source, info, faces
        self.expressions: Expressions = expressions_of(faces.landmarks_xy)
        interval_s = 1.0 / (info.fps or 25.0)
        self.end_s = float(faces.pts_s[-1]) + interval_s
        self._frames: Iterator[Frame] = iter(())
        self._now: Frame | None = None

    def rewind(self) -> None:
        """Begin again."""
        self._frames = read_frames(self.source.path, EveryNth(1), info=self.info)
        self._now = next(self._frames, None)

    def at(self, time_s: float) -> tuple[Rgb, Points, Points] | None:
        """Picture, landmarks and motion of the frame shown at a time; None where it shows no face."""
        wanted = max(0, int(np.searchsorted(self.faces.pts_s, time_s + 1e-3, side="right")) - 1)
        while self._now is not None and self._now.index < wanted:
            self._now = next(self._frames, None)
        if self._now is None:
            return None
        points, motion = self.faces.at(self._now.index), self.expressions.motion(self._now.index)
        return None if points is None or motion is None else (self._now.rgb, points, motion)


class ReenactMaker(FaceReader):
    """A face with the expression of one of the drivers, and with the driver's sound where asked for.

    Args:
        find_faces: Finds faces and landmarks.
        options: Which face, how long, how good.
        drivers: Clips whose expressions may be taken.
        own_sound: Keep the sound of the clip that is changed; else the driver's goes along.
        strength: Factor of the driver's motion.
    """

    def __init__(
        self, find_faces: FindFaces, options: FaceOptions, drivers: Sequence[Source], own_sound: bool, strength: float
    ) -> None:
        super().__init__(find_faces, options)
        self._drivers = drivers
        self._own_sound = own_sound
        self._strength = strength
        self._loaded: dict[str, _Driver] = {}

    def make(self, job: Job, folder: Path, rng: np.random.Generator, tell: Tell) -> Made:
        info = probe(job.source.path)
        if info.kind is MediaKind.AUDIO:
            raise MediaError(job.source.path, "it holds sound and no pictures", "give pictures or clips")
        faces = self.faces_of(job.source.path, info, tell)
        source, driver = first_usable(candidates(job.source, self._drivers, rng), self._load, job.source, "--driver")
        driver.rewind()
        if info.kind is MediaKind.IMAGE:
            # A picture lasts as long as the driver; its one face stands in every frame.
            rgb, times = read_image(job.source.path).rgb, driver.faces.pts_s
            frames: Iterator[Frame] = (Frame(rgb, float(time_s), index) for index, time_s in enumerate(times))
            own = Expressions(expressions_of(faces.landmarks_xy).shapes[0], faces.landmarks_xy)
            faces = FacePath(times, np.repeat(faces.landmarks_xy, len(times), axis=0), len(times))
        else:
            frames = read_frames(job.source.path, EveryNth(1), info=info)
            own = expressions_of(faces.landmarks_xy)
        moved = Reenactment(own, self._strength)

        def change(frame: Frame, points: Points) -> tuple[Rgb, NDArray[np.float32]] | None:
            other = driver.at(frame.pts_s)
            return None if other is None else moved.change(frame.rgb, points, other[2], other[0], other[1])

        sounding = info if self._own_sound else driver.info
        limits = [driver.end_s, *([] if self.options.until_s is None else [self.options.until_s])]
        report = change_clip(
            frames,
            driver.info.fps if info.kind is MediaKind.IMAGE else info.fps,
            folder / "fake.mp4",
            faces,
            change,
            mask_out=folder / "mask.mkv",
            sound_from=sounding.path if sounding.num_audio_streams else None,
            until_s=min(limits),
            crf=self.options.crf,
            tell=tell,
        )
        details = {"strength": self._strength, "sound_from": sounding.path, **clip_details(report, faces)}
        return Made(folder / "fake.mp4", details, (source,), folder / "mask.mkv")

    def _load(self, source: Source) -> _Driver:
        if source.path not in self._loaded:
            info = probe(source.path)
            if info.kind is not MediaKind.VIDEO:
                raise MediaError(source.path, "it is no clip, so nothing moves in it", "give a video of a talking face")
            faces = follow_face(source.path, self.find_faces, info=info, until_s=self.options.until_s)
            self._loaded[source.path] = _Driver(source, info, faces)
        return self._loaded[source.path]
