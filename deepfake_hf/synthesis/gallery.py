"""The gallery's media: six cases that show what a report looks like, made of two portraits and a piece of speech."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.synthesis.admiral import LANDMARKS_XY as ADMIRAL_XY
from deepfake_hf.synthesis.admiral import admiral_rgb
from deepfake_hf.synthesis.astronaut import LANDMARKS_XY, astronaut_rgb
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.synthesis.face_swap import swap_face
from deepfake_hf.synthesis.piecewise_affine import triangles_of, warp_triangles
from deepfake_hf.synthesis.sound_fakes import choose_stretch, shift_sound, splice
from deepfake_hf.synthesis.virtual_camera import VirtualCamera, film
from deepfake_hf.types import AudioTrack, Frame

Rgb = NDArray[np.uint8]
Points = NDArray[np.float32]
Wave = NDArray[np.float32]

SWAP_S: Final = (2.0, 4.0)  # of the two-person clip
SHIFT_S: Final = 0.4
_SPLICE_S: Final = 1.0
_FADE_S: Final = 0.02
_SEED: Final = 4
_ONE: Final = VirtualCamera(size_wh=(400, 480), aim_xy=(240.0, 256.0), zoom=(0.97, 1.0), pan_px=8.0, seed=_SEED)
_LEFT: Final = VirtualCamera(size_wh=(320, 320), aim_xy=(225.0, 150.0), zoom=(0.97, 1.0), pan_px=6.0, seed=_SEED)
_RIGHT: Final = replace(_LEFT, aim_xy=(200.0, 185.0), seed=_SEED + 1)
_REDUCED: Final = 0.75
_OPEN_PX: Final = 6.0  # of the portrait: how far the loudest sound drops the lower lip
_LOWER_LIP: Final = (55, 56, 57, 58, 59, 65, 66, 67)


def second_person() -> tuple[Rgb, Points]:
    """The admiral's portrait, reduced until her face is about as large as the astronaut's, uint8 (450, 384, 3), and its
    landmarks (68, 2)."""
    rgb = cv2.resize(admiral_rgb(), None, fx=_REDUCED, fy=_REDUCED, interpolation=cv2.INTER_AREA)
    return np.asarray(rgb, np.uint8), ADMIRAL_XY * np.float32(_REDUCED)


def make_gallery_media(folder: str | os.PathLike[str]) -> list[tuple[Path, str]]:
    """Write the six files.

    Returns:
        Each with what was done to it, in words, in the order of the gallery.
    """
    from deepfake_hf.media import AudioCodec, EveryNth, read_frames, write_audio, write_video

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    portrait, (other, other_points) = astronaut_rgb(), second_person()
    speech, copy = speech_pair()
    real, swapped, pair = home / "1_real.mp4", home / "2_swapped.mp4", home / "3_two_people.mp4"
    spliced, shifted, again = home / "4_spliced.wav", home / "5_shifted_sound.mp4", home / "6_encoded_again.mp4"
    write_video(real, film(portrait, _ONE), _ONE.fps)
    fake, _ = swap_face(portrait, LANDMARKS_XY, other, other_points)
    write_video(swapped, film(fake, _ONE), _ONE.fps)
    write_video(pair, _two_people(portrait, other, other_points), _LEFT.fps)
    begin, end = choose_stretch(speech, SPEECH_RATE, _SPLICE_S, np.random.default_rng(_SEED))
    joined = splice(speech, copy[begin:end], begin, SPEECH_RATE, _FADE_S, alike=True)
    codec: AudioCodec = "wav"
    write_audio(spliced, AudioTrack(joined, SPEECH_RATE), codec=codec)
    spoken = speech[: round(_ONE.duration_s * SPEECH_RATE)]
    late = AudioTrack(shift_sound(spoken, SPEECH_RATE, SHIFT_S), SPEECH_RATE)
    write_video(shifted, _speaking(portrait, spoken), _ONE.fps, audio=late)
    halves = (Frame(frame.rgb[::2, ::2], frame.pts_s, frame.index) for frame in read_frames(real, EveryNth(1)))
    write_video(again, halves, _ONE.fps, crf=36)
    return [
        (real, "A genuine portrait, filmed by a virtual camera; nothing was changed."),
        (swapped, "The same shot with another woman's face on it: a landmark swap, coloured and blended in."),
        (pair, f"Two people; the face on the right is the left one's from {SWAP_S[0]:g} to {SWAP_S[1]:g} s."),
        (spliced, f"Genuine speech; a vocoder's copy stands in from {begin / SPEECH_RATE:.1f} to "
                  f"{end / SPEECH_RATE:.1f} s."),
        (shifted, f"The portrait's mouth moves with the loudness of speech whose sound comes {SHIFT_S:g} s late."),
        (again, "The genuine shot at half its size, encoded again with strong compression."),
    ]  # fmt: skip


def _two_people(portrait: Rgb, other: Rgb, other_points: Points) -> Iterator[Frame]:
    fake, _ = swap_face(other, other_points, portrait, LANDMARKS_XY)
    takes = film(portrait, _LEFT), film(other, _RIGHT), film(fake, _RIGHT)
    for index, ((left, pts_s), (right, _), (swapped, _)) in enumerate(zip(*takes, strict=True)):
        shown = swapped if SWAP_S[0] <= pts_s < SWAP_S[1] else right
        yield Frame(np.hstack((left, shown)), pts_s, index)


def _speaking(portrait: Rgb, speech: Wave) -> Iterator[Frame]:
    """The filmed portrait with a lower lip that drops with the sound's loudness."""
    per_frame = round(SPEECH_RATE / _ONE.fps)
    whole = len(speech) // per_frame * per_frame
    loudness = np.sqrt((speech[:whole].reshape(-1, per_frame).astype(np.float64) ** 2).mean(1))
    opening = np.clip(loudness / np.quantile(loudness, 0.95), 0, 1)
    triangles = triangles_of(LANDMARKS_XY)
    levels = np.linspace(0, 1, 9)
    stills = [_opened(portrait, triangles, _OPEN_PX * level) for level in levels]
    takes = [film(still, _ONE) for still in stills]  # equal cameras: equal framing and noise
    for index, views in enumerate(zip(*takes, strict=True)):
        level = float(opening[index]) if index < len(opening) else 0.0
        rgb, pts_s = views[int(np.abs(levels - level).argmin())]
        yield Frame(rgb, pts_s, index)


def _opened(portrait: Rgb, triangles: NDArray[np.int32], drop_px: float) -> Rgb:
    points = LANDMARKS_XY.copy()
    points[list(_LOWER_LIP), 1] += drop_px
    warped, inside = warp_triangles(portrait, LANDMARKS_XY, points, triangles, *portrait.shape[:2])
    return np.where(inside[..., None], warped, portrait)
