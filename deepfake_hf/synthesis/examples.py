"""The demo's media, made here from what comes inside two dependencies; nothing is downloaded.

The pictures come from scikit-image's portrait of Eileen Collins (NASA, public domain), the speech from the sample in
the ``useful-moonshine-onnx`` wheel (MIT). Each fake has its genuine twin: same camera path, same words.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.errors import MissingDependencyError
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.self_blend import self_blend
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import MediaKind

Rgb = NDArray[np.uint8]

GENUINE: Final = "genuine"
SELF_BLENDED: Final = "self-blended"
COPY_SYNTHESIS: Final = "copy-synthesis"
CACHE_VARIABLE: Final = "DEEPFAKE_HF_CACHE"
SPEECH_RATE: Final = 16_000  # Hz
RECIPE: Final = "3"  # raise it when a maker changes, so that files made before are not taken for its work

_PORTRAIT_CREDIT: Final = "Portrait of Eileen Collins: NASA, public domain, from scikit-image"
_SPEECH_CREDIT: Final = "Speech sample of useful-moonshine-onnx, MIT"
_FACE_REGION: Final = (115, 18, 220)  # left, top and side of a square around the head, pixels of the portrait
_PICTURE_REGION: Final = (76, 0, 300)
_BLEND_SEED: Final = 13
_SPEECH_SEED: Final = 1
_VOCODER: Final = "griffin_lim"  # needs torchaudio alone; WORLD's pyworld comes with the extra `train`
# Nothing is enlarged: a genuine face scaled up is smoother than any camera would show it.
_CAMERA: Final = VirtualCamera(size_wh=(400, 480), aim_xy=(240.0, 256.0), zoom=(0.97, 1.0), pan_px=8.0, seed=4)


@dataclass(frozen=True)
class Example:
    """One demo file: ``truth`` is ``genuine``, ``self-blended`` or ``copy-synthesis``."""

    path: Path
    kind: MediaKind
    truth: str
    title: str
    credit: str


def default_folder() -> Path:
    """``examples/<recipe>`` in ``$DEEPFAKE_HF_CACHE``, or in ``~/.cache/deepfake_hf``."""
    root = os.environ.get(CACHE_VARIABLE)
    return (Path(root) if root else Path.home() / ".cache" / "deepfake_hf") / "examples" / RECIPE


def make_examples(folder: str | os.PathLike[str] | None = None) -> list[Example]:
    """Make the demo's six files, or find them made: a second call writes nothing.

    Args:
        folder: where to; None: :func:`default_folder`.

    Returns:
        Two clips, two pictures and two sound files, each genuine one before its fake twin.

    Raises:
        MissingDependencyError: scikit-image or useful-moonshine-onnx is not installed.
    """
    home = default_folder() if folder is None else Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    makers: list[tuple[str, MediaKind, str, str, str, Callable[[Path], None]]] = [
        ("portrait_filmed_genuine.mp4", MediaKind.VIDEO, GENUINE, "Portrait, filmed", _PORTRAIT_CREDIT, _clip),
        (
            "portrait_filmed_self_blended.mp4", MediaKind.VIDEO, SELF_BLENDED, "Portrait, filmed", _PORTRAIT_CREDIT,
            _fake_clip,
        ),
        ("portrait_genuine.png", MediaKind.IMAGE, GENUINE, "Portrait, still", _PORTRAIT_CREDIT, _picture),
        (
            "portrait_self_blended.png", MediaKind.IMAGE, SELF_BLENDED, "Portrait, still", _PORTRAIT_CREDIT,
            _fake_picture,
        ),
        ("speech_genuine.wav", MediaKind.AUDIO, GENUINE, "Speech", _SPEECH_CREDIT, _speech),
        ("speech_copy_synthesis.wav", MediaKind.AUDIO, COPY_SYNTHESIS, "Speech", _SPEECH_CREDIT, _fake_speech),
    ]  # fmt: skip
    examples = []
    for name, kind, truth, title, credit, make in makers:
        path = home / name
        if not path.is_file():
            _write_whole(path, make)
        examples.append(Example(path, kind, truth, title, credit))
    return examples


def self_blended_portrait() -> Rgb:
    """The portrait with its face blended onto itself: uint8 (512, 512, 3), equal to the portrait beyond the head."""
    rgb = astronaut_rgb()
    left, top, side = _FACE_REGION
    head = rgb[top : top + side, left : left + side]
    points = LANDMARKS_XY - np.array([left, top], np.float32)
    fake = self_blend(head, points, np.random.default_rng(_BLEND_SEED)).rgb
    # The blend may change the surround too: fade it out, so that the square's border never shows.
    ramp = np.minimum(np.arange(side), np.arange(side)[::-1]) / 12.0
    fade = np.clip(np.minimum.outer(ramp, ramp), 0.0, 1.0)[..., None]
    rgb[top : top + side, left : left + side] = np.rint(head + (fake.astype(np.float64) - head) * fade)
    return rgb


def speech_pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The speech sample and its copy-synthesis: each float32 (num_samples,), mono at ``SPEECH_RATE``.

    Raises:
        MissingDependencyError: useful-moonshine-onnx is not installed.
    """
    from deepfake_hf.media import read_audio
    from deepfake_hf.synthesis.vocoders import vocode

    samples = np.concatenate([block.waveform for block in read_audio(_speech_sample(), SPEECH_RATE)])
    return samples, vocode(_VOCODER, samples, SPEECH_RATE, _SPEECH_SEED)


def _write_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Write beside and rename, so that an interrupted start leaves no half file behind."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making_") as workshop:
        made = Path(workshop) / path.name
        make(made)
        os.replace(made, path)


def _clip(path: Path) -> None:
    _film(path, astronaut_rgb())


def _fake_clip(path: Path) -> None:
    _film(path, self_blended_portrait())


def _film(path: Path, rgb: Rgb) -> None:
    from deepfake_hf.media import write_video

    write_video(path, film(rgb, _CAMERA), _CAMERA.fps)


def _picture(path: Path) -> None:
    _save(path, astronaut_rgb())


def _fake_picture(path: Path) -> None:
    _save(path, self_blended_portrait())


def _save(path: Path, rgb: Rgb) -> None:
    left, top, side = _PICTURE_REGION
    Image.fromarray(rgb[top : top + side, left : left + side]).save(path)


def _speech(path: Path) -> None:
    path.write_bytes(_speech_sample().read_bytes())


def _fake_speech(path: Path) -> None:
    from deepfake_hf.media import write_audio
    from deepfake_hf.types import AudioTrack

    write_audio(path, AudioTrack(speech_pair()[1], SPEECH_RATE), codec="wav")


def _speech_sample() -> Path:
    # Looked up and not imported: importing moonshine_onnx loads librosa and numba.
    spec = importlib.util.find_spec("moonshine_onnx")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        sample = Path(folder) / "assets" / "beckett.wav"
        if sample.is_file():
            return sample
    raise MissingDependencyError(
        "the demo's speech cannot be made",
        "the package useful-moonshine-onnx, which brings the sample, is not installed",
        "pip install 'deepfake-hf[space]'",
    )
