"""The facade: a medium goes in, a :class:`~deepfake_hf.types.DetectionResult` comes out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import BundleError, MediaError, UnsupportedMediaError, UsageError
from deepfake_hf.faces import FaceDetector, detect_in_picture, load_face_detector
from deepfake_hf.hub.branches import AUTO, Branches
from deepfake_hf.hub.bundle import Bundle, find_folder, is_third_party, open_bundle
from deepfake_hf.inference.conclude import Concluder, Observation
from deepfake_hf.inference.device import name_of_device
from deepfake_hf.inference.faces_pass import FacesPass
from deepfake_hf.inference.live import LiveWatch
from deepfake_hf.inference.scorers import CropScorer, SoundScorer
from deepfake_hf.inference.session import LiveSession
from deepfake_hf.inference.speech_pass import SpeechPass
from deepfake_hf.media import (
    AtRate,
    EveryNth,
    Limits,
    Random,
    Sampling,
    Uniform,
    probe,
    read_ahead,
    read_audio,
    read_frames,
    read_image,
    sha256_of,
)
from deepfake_hf.scoring.decision import parse_threshold
from deepfake_hf.types import DetectionResult, Face, Frame, MediaInfo, MediaKind, Status

if TYPE_CHECKING:
    import torch

Medium = str | Path | bytes | NDArray[np.uint8] | Image.Image
Progress = Callable[[float, str], None]

ACCEPTED_MEDIA = (
    "a path to a video, picture or sound file; its bytes; a PIL image; or a uint8 RGB array (H, W, 3) of one picture"
)
MAX_DETECTIONS_PER_S = 5.0
MIN_DECODED_S = 2.0


def default_rate(duration_s: float | None) -> float:
    """Frames per second analysed by default: 4 up to 30 s, 2 up to 5 minutes, 1 beyond."""
    if duration_s is None or duration_s > 300:
        return 1.0
    return 4.0 if duration_s <= 30 else 2.0


class Detector:
    """Detects deepfakes in video, pictures and speech with one bundle of weights.

    Use :meth:`from_pretrained`. One detector serves one thread at a time.
    """

    def __init__(self, bundle: Bundle, device: str, faces: FaceDetector, limits: Limits, runtime: str = AUTO) -> None:
        self.bundle, self.limits = bundle, limits
        self.face_detector = faces
        self._branches = Branches(bundle, device, runtime)
        self.runtime = self._branches.runtime
        self._concluder = Concluder(bundle.calibrations, self._branches.label)

    def load(self) -> None:
        """Load what is else loaded when it is first needed, so that a picture's verdict waits for no import of torch.

        Raises:
            BundleError: some of the weights cannot be loaded.
        """
        self._branches.load()

    @cached_property
    def face_branch(self) -> CropScorer | None:
        """Scores face crops; None where the bundle has no such branch."""
        return self._branches.face

    @cached_property
    def speech_branch(self) -> SoundScorer | None:
        """Scores windows of sound; None where the bundle has no such branch."""
        return self._branches.speech

    @property
    def device(self) -> torch.device:
        """Where torch runs what it runs."""
        import torch

        return torch.device(self._branches.device)

    @classmethod
    def from_pretrained(
        cls,
        bundle: str | Path | None = None,
        *,
        polarity: Sequence[str] | None = None,
        device: str | None = None,
        runtime: str = AUTO,
        face_detector: str = "centerface",
        face_detector_path: str | Path | None = None,
        limits: Limits | None = None,
    ) -> Detector:
        """Load a bundle, or a third-party classifier to compare with.

        A third-party folder (a ``transformers`` image or audio classifier, or a timm model, from safetensors and never
        with code of its own) becomes the branch ``face`` or ``speech``. It sees our crops and windows through its own
        processor. Nobody has measured its limits, so ``p_fake`` is its own, uncalibrated one, results carry a warning,
        and the verdict is ``uncertain`` unless ``detect`` is given a number as its threshold.

        Args:
            bundle: None for the weights in the box, a folder, or a Hub id ``owner/name``.
            polarity: only for a third-party classifier whose label names don't say it: what each output means, in
                their order, such as ``("fake", "real")``.
            device: ``cpu``, ``cuda``, … ; None takes a GPU where there is one.
            runtime: ``auto``: on a CPU onnxruntime runs the face branch where ``model.onnx`` in its folder holds it in
                float32, torch all else, and torch is imported only when something runs on it. ``torch``: everything.
                ``onnx``: onnxruntime on the CPU runs the branches that have an export (not the speech branch in the
                box), from ``model.onnx`` in their folders or exported once into the user's cache. The answers are the
                same to about 1e-5.
            face_detector: ``centerface``, ``mediapipe`` or ``yunet``.
            face_detector_path: a model file for the latter two.
            limits: sizes and lengths that are refused; None for the defaults.

        Raises:
            BundleError: the bundle is not there, incomplete or unsafe.
            LabelError: which output of a third-party classifier means fake is not known, or said in two ways.
            UsageError: a polarity was given for a bundle, which has its own, or the runtime can't be used.
            MissingDependencyError: runtime ``onnx`` has to export, and onnxscript is not installed.
        """
        faces = load_face_detector(face_detector, model_path=face_detector_path)
        folder = find_folder(bundle)
        if is_third_party(folder):
            from deepfake_hf.hub.third_party import open_third_party

            held = open_third_party(folder, polarity)
        elif polarity is not None:
            raise UsageError("polarity", f"{folder} is a bundle, whose weights say it themselves", "leave it out")
        else:
            held = open_bundle(folder)
        if runtime == "onnx" and device is None:
            device = "cpu"
        return cls(held, name_of_device(device), faces, limits or Limits(), runtime)

    def operating_points(self) -> dict[str, dict[str, float]]:
        """Limits on P(fake) by branch and name."""
        return {name: calibration.operating_points for name, calibration in self.bundle.calibrations.items()}

    def detect(
        self,
        medium: Medium,
        *,
        sampling: Sampling | None = None,
        threshold: str | float | None = None,
        progress: Progress | None = None,
        sha256: str | None = None,
    ) -> DetectionResult:
        """Analyse one medium.

        Args:
            medium: a path to a video, picture or sound file; its bytes; a PIL image; or a uint8 RGB array (H, W, 3).
            sampling: which frames; None for :func:`default_rate`.
            threshold: ``fpr1`` (default), ``fpr5`` or a number in (0, 1).
            progress: called with a share in [0, 1] and what is going on.
            sha256: of a file whose content the caller has hashed already; None reads the file for it.

        Returns:
            A result. A medium that can't be read or scored gives a result with a status and a reason, not an error.

        Raises:
            UsageError: the arguments can't be used.
        """
        limit = parse_threshold(threshold)
        if isinstance(medium, (str, Path)):
            return self._detect_file(Path(medium), str(medium), sampling, limit, progress, sha256)
        if sha256 is not None:
            raise UsageError("sha256", "it is of a file, and this medium is none", "leave it out")
        if isinstance(medium, bytes):
            with tempfile.NamedTemporaryFile(prefix="deepfake_hf_") as file:
                file.write(medium)
                file.flush()
                return self._detect_file(Path(file.name), "<bytes>", sampling, limit, progress)
        return self._detect_picture(_as_rgb(medium), limit)

    def detect_many(self, paths: Iterable[str | Path], **options: Any) -> Iterator[DetectionResult]:
        """Analyse files in turn; a broken one gives its own result and stops nothing. Options as ``detect``."""
        for path in paths:
            yield self.detect(path, **options)

    def landmarks(
        self, picture: str | Path | NDArray[np.uint8] | Image.Image
    ) -> list[tuple[Face, NDArray[np.float32]]]:
        """The faces of one picture, each with 68 landmarks, offline.

        Args:
            picture: a path, a PIL image or a uint8 RGB array (H, W, 3).

        Returns:
            Faces, the largest first, and float32 (68, 2) in iBUG order, pixels of the upright picture.

        Raises:
            BundleError: this bundle has no landmark regressor.
            MediaError: the picture can't be read.
        """
        finder = self._branches.landmarks
        if finder is None:
            raise BundleError(
                f"{self.bundle.path} finds no landmarks", "it has no regressor", "use the embedded bundle"
            )
        rgb = read_image(picture, self.limits).rgb if isinstance(picture, (str, Path)) else _as_rgb(picture)
        faces = detect_in_picture(self.face_detector, rgb)
        return [(face, finder.find(rgb, face.box_xyxy)) for face in faces]

    def stream(
        self,
        items: Iterable[tuple[NDArray[np.uint8], float] | NDArray[np.float32]],
        *,
        threshold: str | float | None = None,
        sampling_rate: int = 16_000,
    ) -> Iterator[DetectionResult]:
        """A running result over a live source.

        Args:
            items: ``(rgb uint8 (H, W, 3), pts_s)`` frames in time order, or float32 (n,) mono samples.
            threshold: as ``detect``.
            sampling_rate: of the samples, Hz.

        Yields:
            After each item, the result over the last seconds. Memory stays bounded.
        """
        watch = self.live(threshold=threshold, sampling_rate=sampling_rate, load=None)
        for item in items:
            if isinstance(item, tuple):
                watch.push_frame(*item)
            else:
                watch.push_samples(item)
            yield watch.result()

    def live(
        self, *, threshold: str | float | None = None, sampling_rate: int = 16_000, load: float | None = 0.5
    ) -> LiveWatch:
        """Follow one live source by hand: push frames and samples, get each frame's faces with their readings.

        Args:
            threshold: as ``detect``.
            sampling_rate: of the samples, Hz.
            load: share of the time, in (0, 1], that searching and scoring faces may take; the rest is for showing
                frames. None: five times a second, however long that takes.

        Raises:
            UsageError: an argument can't be used.
        """
        if load is not None and not 0 < load <= 1:
            raise UsageError(f"load={load}", "it is a share of the time", "give one above 0 and at most 1, or None")
        session = LiveSession(self.face_detector, self.face_branch, self.speech_branch, sampling_rate)
        return LiveWatch(session, self._concluder, parse_threshold(threshold), load)

    def _detect_picture(self, rgb: NDArray[np.uint8], limit: str | float) -> DetectionResult:
        seen = Observation("<picture>", time.perf_counter(), MediaKind.IMAGE)
        if self.face_branch is None:
            return self._concluder.conclude(seen, limit)
        try:
            self.limits.check_size("<picture>", rgb.shape[1], rgb.shape[0], still=True)
        except MediaError as error:
            return self._refuse(seen, error)
        seen.faces = FacesPass(self.face_detector, self.face_branch, 0.0, still=True)
        seen.faces.feed(Frame(rgb, 0.0, 0))
        return self._concluder.conclude(seen, limit)

    def _detect_file(
        self,
        path: Path,
        name: str,
        sampling: Sampling | None,
        limit: str | float,
        progress: Progress | None,
        sha256: str | None = None,
    ) -> DetectionResult:
        seen = Observation(name, time.perf_counter())
        report = progress or (lambda share, what: None)
        try:
            info = probe(path, self.limits)
            seen.kind, seen.duration_s, seen.sha256 = info.kind, info.duration_s, sha256 or sha256_of(path)
            self._look(path, info, sampling, seen, report)
            self._listen(path, info, seen, report)
        except MediaError as error:
            return self._refuse(seen, error)
        report(1.0, "done")
        return self._concluder.conclude(seen, limit)

    def _refuse(self, seen: Observation, error: MediaError) -> DetectionResult:
        status = Status.UNSUPPORTED if isinstance(error, UnsupportedMediaError) else Status.UNREADABLE
        return self._concluder.without_answer(seen, status, str(error))

    def _look(
        self, path: Path, info: MediaInfo, sampling: Sampling | None, seen: Observation, report: Progress
    ) -> None:
        """The pass over a picture or over frames. Broken pictures of a video with sound are a warning, not the end."""
        if self.face_branch is None or info.kind is MediaKind.AUDIO:
            return
        started = time.perf_counter()
        if info.kind is MediaKind.IMAGE:
            seen.faces = FacesPass(self.face_detector, self.face_branch, 0.0, still=True)
            seen.faces.feed(read_image(path, self.limits))
        else:
            try:
                seen.faces, seen.step_s = self._watch(path, info, sampling, seen.warnings, report)
            except MediaError as error:
                if isinstance(error, UnsupportedMediaError) or not info.num_audio_streams:
                    raise
                seen.warnings.append(f"the picture could not be read: {error.why}")
        seen.timings["faces_s"] = time.perf_counter() - started

    def _watch(
        self, path: Path, info: MediaInfo, sampling: Sampling | None, warnings: list[str], report: Progress
    ) -> tuple[FacesPass, float]:
        assert self.face_branch is not None
        sampling = sampling or AtRate(default_rate(info.duration_s))
        step_s = _step_s(sampling, info)
        every = max(1, round(1.0 / (step_s * MAX_DETECTIONS_PER_S))) if step_s > 0 else 1
        faces = FacesPass(self.face_detector, self.face_branch, step_s, detect_every=every)
        reader = read_frames(path, sampling, limits=self.limits, info=info)
        whole_s = info.duration_s or 0.0
        for frame in read_ahead(reader):
            faces.feed(frame)
            report(min(0.7, 0.7 * frame.pts_s / whole_s) if whole_s else 0.3, f"faces, {frame.pts_s:.0f} s")
        faces.flush()
        if reader.damaged:
            warnings.append(f"the picture is damaged after {reader.decoded_until_s:.1f} s: {reader.damaged}")
            _need_two_seconds(path, reader.decoded_until_s, reader.damaged)
        return faces, step_s

    def _listen(self, path: Path, info: MediaInfo, seen: Observation, report: Progress) -> None:
        """The pass over the sound. Broken sound of a video with pictures is a warning, not the end."""
        if not info.num_audio_streams or self.speech_branch is None:
            return
        started = time.perf_counter()
        held = self.bundle.calibrations.get("speech")
        speech = SpeechPass(self.speech_branch, with_short=held is not None and held.stretches is not None)
        reader = read_audio(path, speech.rate, limits=self.limits)
        whole_s, share = info.duration_s or 0.0, 0.7 if seen.faces else 0.0
        try:
            for block in reader:
                speech.feed(block)
                done = min(1.0, speech.duration_s / whole_s) if whole_s else 0.5
                report(share + (1 - share) * done, f"sound, {speech.duration_s:.0f} s")
            speech.finish()
            if reader.damaged:
                seen.warnings.append(f"the sound is damaged after {reader.decoded_until_s:.1f} s: {reader.damaged}")
                if info.kind is MediaKind.AUDIO:
                    _need_two_seconds(path, reader.decoded_until_s, reader.damaged)
        except MediaError as error:
            if isinstance(error, UnsupportedMediaError) or seen.faces is None:
                raise
            seen.warnings.append(f"the sound could not be read: {error.why}")
        else:
            seen.speech = speech
        seen.timings["speech_s"] = time.perf_counter() - started


def _need_two_seconds(path: Path, decoded_until_s: float, damage: str) -> None:
    if decoded_until_s < MIN_DECODED_S:
        raise MediaError(
            f"{path}",
            f"only {decoded_until_s:.1f} s could be decoded ({damage})",
            f"at least {MIN_DECODED_S:.0f} s are needed; get a complete copy of the file",
        )


def _step_s(sampling: Sampling, info: MediaInfo) -> float:
    fps = info.fps or 25.0
    if isinstance(sampling, AtRate):
        return max(1.0 / sampling.fps, 1.0 / fps)
    if isinstance(sampling, EveryNth):
        return sampling.n / fps
    assert isinstance(sampling, (Uniform, Random))
    return (info.duration_s or 1.0) / max(1, sampling.frames)


def _as_rgb(medium: object) -> NDArray[np.uint8]:
    if isinstance(medium, Image.Image):
        from PIL import ImageOps

        return np.asarray(ImageOps.exif_transpose(medium).convert("RGB"), np.uint8)
    if isinstance(medium, np.ndarray) and medium.dtype == np.uint8 and medium.ndim == 3 and medium.shape[2] == 3:
        return medium
    found = f"{type(medium).__name__}"
    if isinstance(medium, np.ndarray):
        found = f"an array of {medium.dtype} {medium.shape}"
    raise UsageError("this medium cannot be analysed", f"it is {found}", f"give {ACCEPTED_MEDIA}")
