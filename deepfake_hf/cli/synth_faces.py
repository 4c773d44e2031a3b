"""The makers of ``deepfake-hf synth`` that change a face: self-blend, swap, reconstruct. Reenactment stands beside."""

from __future__ import annotations

import contextlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.cli.synth_run import Job, Made, Source, Tell, candidates
from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.faces.alignment import similarity_transform
from deepfake_hf.media import EveryNth, Uniform, probe, read_frames, read_image
from deepfake_hf.synthesis.clip_faces import FacePath, FindFaces, choose_face, follow_face
from deepfake_hf.synthesis.clip_runner import CRF, Change, ClipReport, change_clip
from deepfake_hf.types import Frame, MediaInfo, MediaKind

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
T = TypeVar("T")
_DONORS_LOOKED_AT: Final = 4
_DONOR_FRAMES: Final = 8  # of a donor's clip; the one whose pose is nearest gives its face
_KEPT_PATHS: Final = 32  # clips whose landmarks are remembered


@dataclass(frozen=True)
class FaceOptions:
    """``face`` is counted from the left, None the largest; ``until_s`` ends clips; ``crf`` is H.264's quality."""

    face: int | None = None
    until_s: float | None = None
    crf: int = CRF


@dataclass(frozen=True)
class Work:
    """How one medium is changed: what changes a frame, what the details say, and whom else it was made of."""

    change: Change
    details: dict[str, Any]
    others: tuple[Source, ...] = ()


class FaceReader:
    """Reads pictures and clips, follows a face, and writes genuine twins.

    Args:
        find_faces: Finds faces and landmarks.
        options: Which face, how long, how good.
    """

    def __init__(self, find_faces: FindFaces, options: FaceOptions) -> None:
        self.find_faces = find_faces
        self.options = options
        self._paths: dict[str, FacePath] = {}

    def twin(self, source: Source, folder: Path, tell: Tell) -> Path:
        """The genuine medium through the same encoder."""
        info = _need_pictures(source.path)
        if info.kind is MediaKind.IMAGE:
            Image.fromarray(read_image(source.path).rgb).save(folder / "genuine.png")
            return folder / "genuine.png"
        change_clip(
            read_frames(source.path, EveryNth(1), info=info),
            info.fps,
            folder / "genuine.mp4",
            sound_from=source.path if info.num_audio_streams else None,
            until_s=self.options.until_s,
            crf=self.options.crf,
            tell=tell,
        )
        return folder / "genuine.mp4"

    def faces_of(self, path: str, info: MediaInfo, tell: Tell) -> FacePath:
        """The chosen face in every frame; a picture is a clip of one frame."""
        if path not in self._paths:
            if len(self._paths) >= _KEPT_PATHS:
                self._paths.pop(next(iter(self._paths)))
            if info.kind is MediaKind.IMAGE:
                _, points = choose_face(self.find_faces(read_image(path).rgb), self.options.face, path)
                self._paths[path] = FacePath(np.zeros(1), points[None], 1)
            else:
                self._paths[path] = follow_face(
                    path, self.find_faces, self.options.face, info=info, until_s=self.options.until_s, tell=tell
                )
        return self._paths[path]


class FaceMaker(FaceReader, ABC):
    """Writes fakes and masks of one file at a time. Subclasses say what is changed."""

    @abstractmethod
    def work(self, job: Job, faces: FacePath, rng: np.random.Generator) -> Work:
        """What is to be done with the face that was followed."""

    def make(self, job: Job, folder: Path, rng: np.random.Generator, tell: Tell) -> Made:
        """Change the face of a picture (to a png) or of a clip (to an mp4)."""
        info = _need_pictures(job.source.path)
        faces = self.faces_of(job.source.path, info, tell)
        work = self.work(job, faces, rng)
        if info.kind is MediaKind.IMAGE:
            made = work.change(read_image(job.source.path), faces.landmarks_xy[0])
            assert made is not None  # a picture has one moment
            Image.fromarray(made[0]).save(folder / "fake.png")
            Image.fromarray(np.rint(made[1] * 255).astype(np.uint8)).save(folder / "mask.png")
            return Made(folder / "fake.png", work.details, work.others, folder / "mask.png")
        report = self.write_clip(job.source.path, info, folder, faces, work.change, tell)
        details = {**work.details, **clip_details(report, faces)}
        return Made(folder / "fake.mp4", details, work.others, folder / "mask.mkv")

    def write_clip(
        self, path: str, info: MediaInfo, folder: Path, faces: FacePath, change: Change, tell: Tell
    ) -> ClipReport:
        """Write ``fake.mp4`` and ``mask.mkv``."""
        return change_clip(
            read_frames(path, EveryNth(1), info=info),
            info.fps,
            folder / "fake.mp4",
            faces,
            change,
            mask_out=folder / "mask.mkv",
            sound_from=path if info.num_audio_streams else None,
            until_s=self.options.until_s,
            crf=self.options.crf,
            tell=tell,
        )


class SelfBlendMaker(FaceMaker):
    """A face on itself; one set of settings a clip."""

    def work(self, job: Job, faces: FacePath, rng: np.random.Generator) -> Work:
        from deepfake_hf.synthesis.self_blend import blend_with_itself, draw_self_blend, region_about

        settings = draw_self_blend(rng)

        def change(frame: Frame, points: Points) -> tuple[Rgb, NDArray[np.float32]]:
            region = region_about(points, *frame.rgb.shape[:2])
            made = blend_with_itself(frame.rgb, points, settings, region)
            return made.rgb, made.mask

        plain = asdict(settings)
        plain["mask"]["flow"] = settings.mask.flow.round(5).tolist()
        return Work(change, {"settings": plain})


class ReconstructMaker(FaceMaker):
    """A face through an autoencoder: the job's method is ``reconstruct-`` and its name, or its folder's."""

    def __init__(self, find_faces: FindFaces, options: FaceOptions, models: dict[str, Path]) -> None:
        from deepfake_hf.synthesis.reconstructor import load_reconstructor

        super().__init__(find_faces, options)
        self._models = {method: load_reconstructor(folder) for method, folder in models.items()}

    def work(self, job: Job, faces: FacePath, rng: np.random.Generator) -> Work:
        from deepfake_hf.synthesis.reconstruct import own_size, reconstruct_face

        model = self._models[job.method]
        # Half of them at the net's own side, which blurs large faces; half at the face's size, for the traces alone.
        typical = np.asarray(np.nanmedian(faces.landmarks_xy, axis=0), np.float32)
        size = model.config.image_size if rng.random() < 0.5 else own_size(typical, model)
        details = {"autoencoder": asdict(model.config), "size_px": size}
        return Work(lambda frame, points: reconstruct_face(frame.rgb, points, model, size), details)


class SwapMaker(FaceMaker):
    """The face of one of the others: of a few drawn, the frame that is nearest in pose.

    Args:
        find_faces: Finds faces and landmarks.
        options: Which face, how long, how good.
        donors: Whose faces may be taken.
        blend: ``seamless`` or ``feather``.
    """

    def __init__(self, find_faces: FindFaces, options: FaceOptions, donors: Sequence[Source], blend: str) -> None:
        super().__init__(find_faces, options)
        self._donors = donors
        self._blend = blend
        self._shown: dict[str, list[tuple[Rgb, Points]]] = {}

    def work(self, job: Job, faces: FacePath, rng: np.random.Generator) -> Work:
        from deepfake_hf.synthesis.face_swap import swap_face

        typical = np.asarray(np.nanmedian(faces.landmarks_xy, axis=0), np.float32)
        # A face from the side makes a poor mask for one from the front: of a few others the nearest in pose.
        others = candidates(job.source, self._donors, rng)
        looked = [first_usable(others, self._faces_shown, job.source, "--from")]
        for other in itertools.islice(others, _DONORS_LOOKED_AT - 1):
            with contextlib.suppress(MediaError):
                looked.append((other, self._faces_shown(other)))
        choices = [(donor, *pair) for donor, shown in looked for pair in shown]
        donor, rgb, points = min(choices, key=lambda choice: _unlikeness(choice[2], typical))
        blend: Any = self._blend
        swap = partial(swap_face, source_rgb=rgb, source_landmarks_xy=points, blend=blend)
        return Work(lambda frame, where: swap(frame.rgb, where), {"blend": blend}, (donor,))

    def _faces_shown(self, donor: Source) -> list[tuple[Rgb, Points]]:
        """Pictures of the donor's largest face with its landmarks."""
        from deepfake_hf.synthesis.face_swap import face_region

        if donor.path not in self._shown:
            if len(self._shown) >= 2 * _DONORS_LOOKED_AT:
                self._shown.pop(next(iter(self._shown)))
            info = _need_pictures(donor.path)
            shown = []
            for frame in read_frames(donor.path, Uniform(_DONOR_FRAMES), info=info):
                if found := self.find_faces(frame.rgb):
                    points = choose_face(found, None, donor.path)[1]
                    region = face_region(points, frame.rgb.shape[0], frame.rgb.shape[1], margin=0.6)
                    corner = np.array([region[1].start, region[0].start], np.float32)
                    shown.append((frame.rgb[region].copy(), points - corner))
            if not shown:
                raise MediaError(donor.path, "no face was found in it", "leave it out")
            self._shown[donor.path] = shown
        return self._shown[donor.path]


def first_usable(
    others: Iterable[Source], load: Callable[[Source], T], source: Source, option: str
) -> tuple[Source, T]:
    """The first of the others that can be used, and what it gave.

    Raises:
        UsageError: There are none.
        MediaError: None of them can be used; says why of the last.
    """
    why: MediaError | None = None
    for other in others:
        try:
            return other, load(other)
        except MediaError as error:
            why = error
    if why is not None:
        raise MediaError(
            source.path, f"none of the others it could be made with can be used ({why})", f"name others with {option}"
        )
    raise UsageError(
        source.path, "no other file has its split and other people", f"give more files, or name some with {option}"
    )


def clip_details(report: ClipReport, faces: FacePath) -> dict[str, Any]:
    """What the details say of a clip."""
    return {
        "frames": report.num_frames,
        "frames_changed": report.num_changed,
        "frames_where_the_face_was_found": faces.num_found,
        "changed_s": [[round(start, 3), round(end, 3)] for start, end in report.changed_s],
    }


def _need_pictures(path: str) -> MediaInfo:
    info = probe(path)
    if info.kind is MediaKind.AUDIO:
        raise MediaError(path, "it holds sound and no pictures", "use vocode or splice for sound")
    return info


def _unlikeness(points: Points, model: Points) -> float:
    """How far a face's points are from another's after the best shift, turn and scale, in spreads of the other."""
    matrix = similarity_transform(points, model)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return float(np.linalg.norm(moved - model, axis=1).mean() / model.std())
