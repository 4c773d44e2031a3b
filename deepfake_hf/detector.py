"""The facade: a medium goes in, a :class:`~deepfake_hf.types.DetectionResult` comes out."""

from __future__ import annotations

import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf._version import __version__
from deepfake_hf.errors import MediaError, UnsupportedMediaError, UsageError
from deepfake_hf.faces import FaceDetector, load_face_detector
from deepfake_hf.hub.bundle import Bundle, open_bundle
from deepfake_hf.inference import assemble
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch, choose_device
from deepfake_hf.inference.faces_pass import FacesPass
from deepfake_hf.inference.session import LiveSession
from deepfake_hf.inference.speech_pass import SpeechPass
from deepfake_hf.media import (
    AtRate,
    EveryNth,
    Limits,
    Sampling,
    Uniform,
    probe,
    read_audio,
    read_frames,
    read_image,
    sha256_of,
)
from deepfake_hf.scoring.decision import band, decide, parse_threshold
from deepfake_hf.scoring.fusion import RULE, Fused, fuse
from deepfake_hf.types import (
    BranchResult,
    DetectionResult,
    Frame,
    MediaInfo,
    MediaKind,
    OperatingBand,
    Status,
    Verdict,
    WindowScore,
)

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

    def __init__(self, bundle: Bundle, device: torch.device, faces: FaceDetector, limits: Limits) -> None:
        self.bundle, self.device, self.limits = bundle, device, limits
        self.face_detector = faces
        self.face_branch = FrameBranch(bundle.path / "face", device) if "face" in bundle.branches else None
        self.speech_branch = SpeechBranch(bundle.path / "speech", device) if "speech" in bundle.branches else None
        self.versions = _versions()

    @classmethod
    def from_pretrained(
        cls,
        bundle: str | Path | None = None,
        *,
        device: str | None = None,
        face_detector: str = "centerface",
        face_detector_path: str | Path | None = None,
        limits: Limits | None = None,
    ) -> Detector:
        """Load a bundle.

        Args:
            bundle: None for the weights in the box, a folder, or a Hub id ``owner/name``.
            device: ``cpu``, ``cuda``, … ; None takes a GPU where there is one.
            face_detector: ``centerface``, ``mediapipe`` or ``yunet``.
            face_detector_path: a model file for the latter two.
            limits: sizes and lengths that are refused; None for the defaults.

        Raises:
            BundleError: the bundle is not there, incomplete or unsafe.
        """
        faces = load_face_detector(face_detector, model_path=face_detector_path)
        return cls(open_bundle(bundle), choose_device(device), faces, limits or Limits())

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
    ) -> DetectionResult:
        """Analyse one medium.

        Args:
            medium: a path to a video, picture or sound file; its bytes; a PIL image; or a uint8 RGB array (H, W, 3).
            sampling: which frames; None for :func:`default_rate`.
            threshold: ``fpr1`` (default), ``fpr5`` or a number in (0, 1).
            progress: called with a share in [0, 1] and what is going on.

        Returns:
            A result. A medium that can't be read or scored gives a result with a status and a reason, not an error.

        Raises:
            UsageError: the arguments can't be used.
        """
        limit = parse_threshold(threshold)
        if isinstance(medium, (str, Path)):
            return self._detect_file(Path(medium), str(medium), sampling, limit, progress)
        if isinstance(medium, bytes):
            with tempfile.NamedTemporaryFile(prefix="deepfake_hf_") as file:
                file.write(medium)
                file.flush()
                return self._detect_file(Path(file.name), "<bytes>", sampling, limit, progress)
        return self._detect_picture(_as_rgb(medium), limit)

    def detect_many(self, paths: Iterable[str | Path], **options: Any) -> Iterator[DetectionResult]:
        """Analyse files one after another; a broken one gives its own result and stops nothing. Options as ``detect``."""
        for path in paths:
            yield self.detect(path, **options)

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
        limit = parse_threshold(threshold)
        session = LiveSession(self.face_detector, self.face_branch, self.speech_branch, sampling_rate)
        for item in items:
            started = time.perf_counter()
            if isinstance(item, tuple):
                session.push_frame(*item)
            else:
                session.push_samples(item)
            yield self._conclude(
                "<stream>", None, None, session.faces, session.speech, limit, session.step_s, started, None, [], {}
            )

    def _detect_picture(self, rgb: NDArray[np.uint8], limit: str | float) -> DetectionResult:
        started = time.perf_counter()
        if self.face_branch is None:
            raise UsageError("a picture was given", "this bundle has no face branch", "use a bundle with one")
        faces = FacesPass(self.face_detector, self.face_branch, 0.0, still=True)
        faces.feed(Frame(rgb, 0.0, 0))
        return self._conclude("<picture>", None, MediaKind.IMAGE, faces, None, limit, 0.0, started, None, [], {})

    def _detect_file(
        self, path: Path, name: str, sampling: Sampling | None, limit: str | float, progress: Progress | None
    ) -> DetectionResult:
        started = time.perf_counter()
        report = progress or (lambda share, what: None)
        try:
            info = probe(path, self.limits)
            digest = sha256_of(path)
        except MediaError as error:
            return self._refusal(name, error, started)
        warnings: list[str] = []
        timings: dict[str, float] = {"probe_s": time.perf_counter() - started}
        faces, speech, step_s = None, None, 0.0
        try:
            if info.kind is MediaKind.IMAGE and self.face_branch is not None:
                faces = FacesPass(self.face_detector, self.face_branch, 0.0, still=True)
                faces.feed(read_image(path, self.limits))
            elif info.kind is MediaKind.VIDEO and self.face_branch is not None:
                faces, step_s = self._watch(path, info, sampling, warnings, report)
        except MediaError as error:
            if info.num_audio_streams == 0 or info.kind is not MediaKind.VIDEO:
                return self._refusal(name, error, started, info, digest)
            warnings.append(f"the picture could not be read: {error.why}")
        timings["faces_s"] = time.perf_counter() - started - sum(timings.values())
        if info.num_audio_streams and self.speech_branch is not None:
            try:
                speech = self._listen(path, info, warnings, report, 0.7 if faces else 0.0)
            except MediaError as error:
                if faces is None:
                    return self._refusal(name, error, started, info, digest)
                warnings.append(f"the sound could not be read: {error.why}")
        timings["speech_s"] = time.perf_counter() - started - sum(timings.values())
        report(1.0, "done")
        return self._conclude(name, info, info.kind, faces, speech, limit, step_s, started, digest, warnings, timings)

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
        for frame in reader:
            faces.feed(frame)
            report(min(0.7, 0.7 * frame.pts_s / whole_s) if whole_s else 0.3, f"faces, {frame.pts_s:.0f} s")
        faces.flush()
        if reader.damaged:
            warnings.append(f"the picture is damaged after {reader.decoded_until_s:.1f} s: {reader.damaged}")
            if reader.decoded_until_s < MIN_DECODED_S:
                raise MediaError(
                    f"{path}",
                    f"only {reader.decoded_until_s:.1f} s could be decoded ({reader.damaged})",
                    f"at least {MIN_DECODED_S:.0f} s are needed; get a complete copy of the file",
                )
        return faces, step_s

    def _listen(self, path: Path, info: MediaInfo, warnings: list[str], report: Progress, share: float) -> SpeechPass:
        assert self.speech_branch is not None
        speech = SpeechPass(self.speech_branch)
        reader = read_audio(path, speech.rate, limits=self.limits)
        whole_s = info.duration_s or 0.0
        for block in reader:
            speech.feed(block)
            done = min(1.0, speech.duration_s / whole_s) if whole_s else 0.5
            report(share + (1 - share) * done, f"sound, {speech.duration_s:.0f} s")
        speech.finish()
        if reader.damaged:
            warnings.append(f"the sound is damaged after {reader.decoded_until_s:.1f} s: {reader.damaged}")
            if info.kind is MediaKind.AUDIO and reader.decoded_until_s < MIN_DECODED_S:
                raise MediaError(
                    f"{path}",
                    f"only {reader.decoded_until_s:.1f} s could be decoded ({reader.damaged})",
                    f"at least {MIN_DECODED_S:.0f} s are needed; get a complete copy of the file",
                )
        return speech

    def _conclude(
        self,
        name: str,
        info: MediaInfo | None,
        kind: MediaKind | None,
        faces: FacesPass | None,
        speech: SpeechPass | None,
        limit: str | float,
        step_s: float,
        started: float,
        digest: str | None,
        warnings: list[str],
        timings: dict[str, float],
    ) -> DetectionResult:
        calibrations = self.bundle.calibrations
        duration_s = info.duration_s if info else None
        tracks = faces.finish() if faces else []
        face_voices = assemble.face_voices(tracks)
        voices = [*face_voices, *assemble.speech_voices(speech)]
        branches: list[BranchResult] = []
        windows: list[WindowScore] = []
        if faces:
            limits = band(calibrations["face"].operating_points, limit)
            fused = fuse(face_voices, calibrations) if face_voices else None
            expected = round(duration_s / step_s) if duration_s and step_s else 1
            p_face, spread = (fused.p_fake, fused.interval) if fused else (None, None)
            branches.append(
                assemble.face_branch_result(faces, tracks, expected, limits, p_face, spread, self._weights("face"))
            )
            windows += sorted((w for t in tracks for w in t.windows), key=lambda w: (w.start_s, w.track or 0))
        if speech:
            limits = band(calibrations["speech"].operating_points, limit)
            expected_s = duration_s if kind is MediaKind.AUDIO else None
            branches.append(assemble.speech_branch_result(speech, expected_s, limits, self._weights("speech")))
            windows += speech.windows
        track_results = (
            assemble.track_results(tracks, calibrations["face"], limit, max(step_s, 0.04)) if faces and tracks else ()
        )
        segments = [segment for track in track_results for segment in track.segments]
        if speech and speech.windows:
            limits = band(calibrations["speech"].operating_points, limit)
            segments += assemble.segments_of(speech.windows, limits, 0.5)
        blank = replace(
            self._blank(name, started),
            kind=kind,
            duration_s=duration_s,
            branches=tuple(branches),
            tracks=track_results,
            windows=assemble.with_probability(windows),
            segments=tuple(segments),
            sha256=digest,
            warnings=tuple(warnings),
            timings=timings,
        )
        scored = [branch for branch in branches if branch.status is Status.SCORED]
        if not branches:
            return replace(blank, reason="no branch of this bundle reads this kind of medium")
        if not scored:
            reason = "could not score, because " + "; ".join(branch.reason for branch in branches)
            return replace(blank, status=branches[0].status, reason=reason)
        fused = fuse(voices, calibrations)
        limits = band(calibrations[fused.voice.branch].operating_points, limit)
        verdict = decide(fused.p_fake, limits)
        coverage = next(branch.coverage for branch in scored if branch.branch == fused.voice.branch)
        silent = [branch for branch in branches if branch.status is not Status.SCORED]
        return replace(
            blank,
            status=Status.SCORED,
            verdict=verdict,
            p_fake=fused.p_fake,
            interval=fused.interval,
            coverage=coverage,
            band=limits,
            reason=_reason(verdict, fused, limits, silent),
        )

    def _weights(self, branch: str) -> str:
        return f"{branch} of {self.bundle.label}"

    def _refusal(
        self,
        name: str,
        error: MediaError,
        started: float,
        info: MediaInfo | None = None,
        digest: str | None = None,
    ) -> DetectionResult:
        status = Status.UNSUPPORTED if isinstance(error, UnsupportedMediaError) else Status.UNREADABLE
        return replace(
            self._blank(name, started),
            status=status,
            reason=str(error),
            kind=info.kind if info else None,
            duration_s=info.duration_s if info else None,
            sha256=digest,
        )

    def _blank(self, name: str, started: float) -> DetectionResult:
        """A result without an answer, to be filled in."""
        return DetectionResult(
            path=name,
            status=Status.UNSUPPORTED,
            verdict=None,
            p_fake=None,
            reason="",
            kind=None,
            duration_s=None,
            interval=None,
            coverage=0.0,
            band=None,
            branches=(),
            tracks=(),
            windows=(),
            segments=(),
            rule=RULE,
            sha256=None,
            weights=self.bundle.label,
            versions=self.versions,
            seconds=time.perf_counter() - started,
        )


def _step_s(sampling: Sampling, info: MediaInfo) -> float:
    fps = info.fps or 25.0
    if isinstance(sampling, AtRate):
        return max(1.0 / sampling.fps, 1.0 / fps)
    if isinstance(sampling, EveryNth):
        return sampling.n / fps
    assert isinstance(sampling, Uniform)
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


def _reason(verdict: Verdict, fused: Fused, limits: OperatingBand, silent: list[BranchResult]) -> str:
    who = "the sound" if fused.voice.name == "sound" else fused.voice.name
    chosen = f", the most suspicious of {fused.num_voices} voices" if fused.num_voices > 1 else ""
    where = {
        Verdict.FAKE: f"is at or above the fake limit {limits.fake_at:.3f}",
        Verdict.REAL: f"is below the real limit {limits.real_below:.3f}",
        Verdict.UNCERTAIN: f"lies between the real limit {limits.real_below:.3f} and the fake limit {limits.fake_at:.3f}",
    }[verdict]
    unheard = "".join(f"; {branch.branch} not scored: {branch.reason}" for branch in silent)
    return f"{who}{chosen}: P(fake) {fused.p_fake:.3f} {where}{unheard}"


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "timm", "numpy", "av", "opencv-python", "onnxruntime", "silero-vad")
    found = {"deepfake_hf": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not found"
    return found
