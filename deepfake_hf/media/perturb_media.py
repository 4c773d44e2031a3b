"""Perturbed copies of whole files, written frame by frame and block by block: memory does not grow with length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from deepfake_hf.media.frames import read_frames
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.perturb_grid import Kind, Perturbation
from deepfake_hf.media.pictures import read_image
from deepfake_hf.media.sampling import EveryNth, Sampling
from deepfake_hf.media.sound import read_audio
from deepfake_hf.media.write import REPEATABLE, colour_space, yuv_frame
from deepfake_hf.types import AudioTrack, Frame, MediaInfo, MediaKind

BLOCK_S: Final = 60.0  # of sound changed at once
_CONTEXT_S: Final = 2.0  # heard before and after a block, so that rooms and codecs do not begin anew at its edges
MAX_TIMED_S: Final = 600.0  # of sound whose time is changed: it is held as a whole
_TICK: Final = Fraction(1, 1000)  # Matroska's


@dataclass(frozen=True)
class Stretch:
    """From ``start_s`` to before ``end_s``, in seconds; None is the end."""

    start_s: float = 0.0
    end_s: float | None = None

    def holds(self, time_s: float) -> bool:
        return time_s >= self.start_s and (self.end_s is None or time_s < self.end_s)


def applies(perturbation: Perturbation | None, info: MediaInfo, stretch: Stretch) -> str | None:
    """None where a file can be perturbed so, else the reason why not."""
    if perturbation is None:
        return None
    ladder = perturbation.ladder
    if ladder.kind is Kind.PICTURE:
        return "it has no picture" if info.kind is MediaKind.AUDIO else None
    if ladder.kind is Kind.CLIP:
        return None if info.kind is MediaKind.VIDEO else "it is no video"
    if not info.num_audio_streams:
        return "it has no sound"
    if ladder.keeps_time:
        return None
    if info.kind is MediaKind.VIDEO:
        return "the sound of a video must keep its time"
    end_s = stretch.end_s if stretch.end_s is not None else info.duration_s
    seconds = None if end_s is None else end_s - stretch.start_s
    if seconds is None or seconds > MAX_TIMED_S:
        return f"sound whose time is changed may last {MAX_TIMED_S:.0f} s, or its length is unknown"
    if ladder.name == "length" and seconds <= perturbation.value:
        return "it is no longer than that"
    return None


def write_perturbed(
    source: Path,
    folder: Path,
    info: MediaInfo,
    perturbation: Perturbation | None,
    sampling: Sampling,
    seed: int,
    stretch: Stretch | None = None,
    limits: Limits | None = None,
) -> Path:
    """Write a copy of a medium: the perturbation is all that is changed.

    Of a video the copy holds the sampled frames at their own times without loss (FFV1), and the sound as mono floats;
    after H.264 it holds all frames. Sound files become floats in Matroska, pictures PNG.

    Args:
        source: The file.
        folder: Where the copy is written.
        info: The file's probe.
        perturbation: What is done; None copies. Ask ``applies`` first.
        sampling: Frames that will be looked at.
        seed: Of what is drawn; every frame draws anew, every block of sound hears the same room.
        stretch: Part that is copied; None for all. Times count from its start.
        limits: Defaults to ``Limits()``.

    Returns:
        The copy's path.

    Raises:
        MediaError: The file can't be read.
    """
    stretch, limits = stretch or Stretch(), limits or Limits()
    kind = None if perturbation is None else perturbation.ladder.kind
    if info.kind is MediaKind.IMAGE:
        rgb = read_image(source, limits).rgb
        if perturbation is not None:
            rgb = perturbation.picture(rgb, np.random.default_rng(seed))
        Image.fromarray(rgb).save(folder / "copy.png", compress_level=1)
        return folder / "copy.png"
    sound = None
    if info.num_audio_streams:
        rate = info.sampling_rate or 16_000
        changed = perturbation if kind is Kind.SOUND else None
        sound = _sound(source, rate, changed, seed, stretch, limits)
    with av.open(str(folder / "copy.mkv"), "w") as container:
        writer = _Writer(container, info, sound)
        if info.kind is MediaKind.VIDEO:
            crf = int(perturbation.value) if perturbation is not None and kind is Kind.CLIP else None
            used = EveryNth(1) if crf is not None else sampling
            frames = _frames(source, info, used, perturbation if kind is Kind.PICTURE else None, seed, stretch, limits)
            writer.frames(frames, crf)
        writer.finish()
    return folder / "copy.mkv"


def _frames(
    source: Path,
    info: MediaInfo,
    sampling: Sampling,
    perturbation: Perturbation | None,
    seed: int,
    stretch: Stretch,
    limits: Limits,
) -> Iterator[Frame]:
    for frame in read_frames(source, sampling, limits, info):
        if stretch.end_s is not None and frame.pts_s >= stretch.end_s:
            return
        if stretch.holds(frame.pts_s):
            rgb = frame.rgb
            if perturbation is not None:
                rgb = perturbation.picture(rgb, np.random.default_rng([seed, frame.index]))
            yield Frame(rgb, frame.pts_s - stretch.start_s, frame.index)


def _sound(
    source: Path, rate: int, perturbation: Perturbation | None, seed: int, stretch: Stretch, limits: Limits
) -> Iterator[AudioTrack]:
    blocks = _cut(read_audio(source, rate, BLOCK_S, limits), stretch)
    if perturbation is None:
        return blocks
    if perturbation.ladder.keeps_time:
        return _in_blocks(blocks, perturbation, seed)
    return _as_a_whole(blocks, perturbation, seed)


def _cut(blocks: Iterable[AudioTrack], stretch: Stretch) -> Iterator[AudioTrack]:
    for block in blocks:
        first = max(0, round((stretch.start_s - block.start_s) * block.sampling_rate))
        last = len(block.waveform)
        if stretch.end_s is not None:
            last = min(last, round((stretch.end_s - block.start_s) * block.sampling_rate))
            if last <= 0:
                return
        if first < last:
            start_s = block.start_s + first / block.sampling_rate - stretch.start_s
            yield replace(block, waveform=block.waveform[first:last], start_s=start_s)


def _in_blocks(blocks: Iterable[AudioTrack], perturbation: Perturbation, seed: int) -> Iterator[AudioTrack]:
    """Change block by block, each with the end of the one before and the beginning of the next around it."""
    before = np.zeros(0, np.float32)
    held: AudioTrack | None = None
    for block in _with_end(blocks):
        if held is not None:
            seam = block is not None and abs(held.start_s + held.duration_s - block.start_s) < 1e-3
            context = round(_CONTEXT_S * held.sampling_rate)
            after = block.waveform[:context] if block is not None and seam else np.zeros(0, np.float32)
            around = np.concatenate((before, held.waveform, after))
            changed = perturbation.sound(around, held.sampling_rate, np.random.default_rng(seed))
            yield replace(held, waveform=changed[len(before) : len(before) + len(held.waveform)])
            before = held.waveform[-context:] if seam else np.zeros(0, np.float32)
        held = block


def _with_end(blocks: Iterable[AudioTrack]) -> Iterator[AudioTrack | None]:
    yield from blocks
    yield None


def _as_a_whole(blocks: Iterable[AudioTrack], perturbation: Perturbation, seed: int) -> Iterator[AudioTrack]:
    parts = list(blocks)
    whole = np.concatenate([part.waveform for part in parts])
    changed = perturbation.sound(whole, parts[0].sampling_rate, np.random.default_rng(seed))
    yield AudioTrack(changed, parts[0].sampling_rate)


def _exact_frame(rgb: NDArray[np.uint8]) -> VideoFrame:
    picture: VideoFrame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(format="bgr0")
    return picture


class _Writer:
    """Frames without loss or as H.264, and sound as floats, interleaved by time."""

    def __init__(self, container: OutputContainer, info: MediaInfo, sound: Iterator[AudioTrack] | None) -> None:
        self._container = container
        self._fps = Fraction(info.fps or 25.0).limit_denominator(1001)
        self._blocks = sound
        self._sound = None
        self._until_s = -1.0
        if sound is not None:
            self._rate = info.sampling_rate or 16_000
            self._sound = container.add_stream("pcm_f32le", rate=self._rate, layout="mono")

    def frames(self, frames: Iterable[Frame], crf: int | None) -> None:
        """Write all frames, and the sound up to each."""
        video = None
        for frame in frames:
            rgb = frame.rgb
            if crf is not None:
                rgb = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]  # 4:2:0 needs even sides
            if video is None:
                options = {} if crf is None else {"crf": str(crf), **REPEATABLE}
                video = self._container.add_stream("ffv1" if crf is None else "libx264", self._fps, options=options)
                video.height, video.width = rgb.shape[:2]
                video.pix_fmt = "bgr0" if crf is None else "yuv420p"
                if crf is not None:
                    video.colorspace = colour_space(rgb.shape[0])
                video.codec_context.time_base = video.time_base = _TICK
            picture = _exact_frame(rgb) if crf is None else yuv_frame(rgb)
            picture.pts, picture.time_base = round(frame.pts_s / _TICK), _TICK
            self._hear(frame.pts_s)
            self._container.mux(video.encode(picture))
        if video is not None:
            self._container.mux(video.encode(None))

    def finish(self) -> None:
        """Write the rest of the sound."""
        self._hear(float("inf"))
        if self._sound is not None:
            self._container.mux(self._sound.encode(None))

    def _hear(self, until_s: float) -> None:
        while self._blocks is not None and self._until_s <= until_s:
            block = next(self._blocks, None)
            if block is None:
                self._blocks = None
                return
            assert self._sound is not None
            frame = AudioFrame.from_ndarray(block.waveform[None], format="flt", layout="mono")  # (1, num_samples)
            frame.sample_rate, frame.time_base = block.sampling_rate, Fraction(1, block.sampling_rate)
            frame.pts = round(block.start_s * block.sampling_rate)
            self._container.mux(self._sound.encode(frame))
            self._until_s = block.start_s + block.duration_s
