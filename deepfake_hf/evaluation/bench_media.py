"""The benchmark's clips, made of the project's own portrait and speech: nothing is downloaded."""

from __future__ import annotations

import math
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.media.remux import join_streams
from deepfake_hf.media.write import write_video
from deepfake_hf.media.write_sound import write_audio
from deepfake_hf.synthesis.astronaut import astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import AudioTrack

FPS: Final = 30.0
SIZES: Final = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
_SHOT_S: Final = 2.5  # is filmed, the rest repeats it: noise at 1080 lines takes 0.1 s a frame
_RECIPE: Final = "1"  # raise it when the clips change


def make_clip(folder: Path, size: str, seconds: float = 10.0) -> Path:
    """A portrait filmed by a virtual camera, H.264 at 30 frames a second, with speech; found where it was made before.

    Args:
        folder: Where to.
        size: A key of ``SIZES``.
        seconds: Length.

    Raises:
        MissingDependencyError: scikit-image or useful-moonshine-onnx is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{size}_{seconds:g}s_{_RECIPE}.mp4"
    if path.is_file():
        return path
    width, height = SIZES[size]
    zoom = height / 512
    camera = VirtualCamera((width, height), FPS, min(seconds, _SHOT_S), zoom=(zoom, 1.03 * zoom), pan_px=12.0, seed=4)
    sound = np.resize(speech_pair()[0], round(seconds * SPEECH_RATE))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making_") as work:
        shot, pictures, speech, whole = (Path(work) / name for name in ("shot.mp4", "long.mp4", "sound.m4a", "all.mp4"))
        write_video(shot, film(_room(width / height), camera), FPS)
        loop_clip(shot, pictures, seconds)
        write_audio(speech, AudioTrack(sound, SPEECH_RATE), codec="aac")
        join_streams(whole, pictures, speech)
        whole.replace(path)
    return path


def make_speech(folder: Path, seconds: float = 10.0) -> Path:
    """Speech alone, as a wav file; found where it was made before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"speech_{seconds:g}s_{_RECIPE}.wav"
    if not path.is_file():
        sound = np.resize(speech_pair()[0], round(seconds * SPEECH_RATE))
        write_audio(path, AudioTrack(sound, SPEECH_RATE), codec="wav")
    return path


def _room(shape: float) -> NDArray[np.uint8]:
    """The portrait in front of its own colours, blurred: uint8 (512, ``shape`` * 512, 3), wider by a margin."""
    portrait = astronaut_rgb()
    width = round(1.1 * shape * portrait.shape[0])
    behind = cv2.GaussianBlur(cv2.resize(portrait, (width, portrait.shape[0])), (0, 0), 60)
    left = (width - portrait.shape[1]) // 2
    behind[:, left : left + portrait.shape[1]] = portrait
    return np.asarray(behind, np.uint8)


def loop_clip(source: Path, target: Path, seconds: float) -> Path:
    """Repeat a clip's packets without encoding, until ``seconds`` are reached.

    What a turn of sound has before its picture's start or after its end is left out.
    """
    with av.open(str(target), "w") as output, av.open(str(source)) as container:
        video = container.streams.video[0]
        copies = {stream.index: output.add_stream_from_template(stream) for stream in container.streams}
        assert video.duration is not None and video.time_base is not None
        turn_s = Fraction(video.duration * video.time_base)
        for turn in range(math.ceil(seconds / float(turn_s) - 1e-6)):
            container.seek(0)
            for packet in container.demux():
                if packet.dts is None or packet.pts is None:
                    continue
                starts_s = packet.pts * packet.time_base
                if not 0 <= starts_s < turn_s and (turn or packet.stream is not video):
                    continue
                shift = round(turn * turn_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    return target
