"""What all parts of the benchmark share: the detector, the clips, and how often to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.detector import Detector
from deepfake_hf.errors import BundleError
from deepfake_hf.evaluation.bench_media import make_clip, make_speech
from deepfake_hf.faces import crop_face
from deepfake_hf.inference.branch import FrameBranch, SpeechBranch
from deepfake_hf.inference.conclude import Concluder
from deepfake_hf.inference.faces_pass import CROP_SIZE
from deepfake_hf.media import AtRate, read_frames
from deepfake_hf.synthesis.astronaut import astronaut_rgb


@dataclass
class Inputs:
    """Made when first asked for.

    Args:
        work: Folder of the clips, which may hold them already.
        device: As ``Detector`` takes it.
        rounds: How often each contestant runs, in turn with the others.
        clip_s: Length of the clips in seconds.
        naive_s: The naive pipelines work on so many seconds of them; each frame costs them the same.
        sizes: Keys of ``bench_media.SIZES``.
        onnx: Also onnxruntime's kinds of numbers among the runtimes.
    """

    work: Path
    device: str = "cpu"
    rounds: int = 3
    clip_s: float = 10.0
    naive_s: float = 2.0
    sizes: tuple[str, ...] = ("720p", "1080p")
    onnx: bool = True

    @cached_property
    def detector(self) -> Detector:
        return Detector.from_pretrained(device=self.device)

    @cached_property
    def concluder(self) -> Concluder:
        return Concluder(self.detector.bundle.calibrations, self.detector.bundle.label)

    @cached_property
    def face(self) -> FrameBranch:
        """The face branch of the bundle in the box, on torch whatever the detector runs it on."""
        return FrameBranch(self.detector.bundle.path / "face", self.torch_device)

    @property
    def speech(self) -> SpeechBranch:
        """Its speech branch."""
        return cast(SpeechBranch, self.detector.speech_branch)

    @property
    def torch_device(self) -> torch.device:
        return self.detector.device

    def clip(self, size: str) -> Path:
        """Of ``clip_s`` seconds."""
        return make_clip(self.work, size, self.clip_s)

    @cached_property
    def sound(self) -> Path:
        """Speech alone, of ``clip_s`` seconds."""
        return make_speech(self.work, self.clip_s)

    @cached_property
    def picture(self) -> Path:
        """A portrait, as a file."""
        path = self.work / "portrait.png"
        if not path.is_file():
            self.work.mkdir(parents=True, exist_ok=True)
            Image.fromarray(astronaut_rgb()).save(path)
        return path

    def crops(self, count: int) -> list[NDArray[np.uint8]]:
        """Face crops of the first frames of a clip; repeated where it has too few.

        Raises:
            BundleError: No face is found, so that there is nothing to measure.
        """
        made = []
        for frame in islice(read_frames(self.clip(self.sizes[0]), AtRate(30.0)), min(count, 64)):
            faces = self.detector.face_detector.detect(frame.rgb)
            if faces:
                made.append(crop_face(frame.rgb, faces[0].box_xyxy, CROP_SIZE))
        if not made:
            raise BundleError("the benchmark's clip", "no face is found in it", "look at the face detector")
        return [made[place % len(made)] for place in range(count)]
