"""Streaming sound: any sound or video file in, mono float32 blocks at the wanted rate out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.media.container import decoded, main_audio, name_of, open_container, origin_s, shortfall, stream_end_s
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.shots import Progress
from deepfake_hf.media.signature import Signature, check_file, signature_of
from deepfake_hf.types import AudioTrack

_GAP_S: Final = 0.1  # a timestamp this far past the samples counted is a real gap; less is the container's rounding


class AudioReader(Iterator[AudioTrack]):
    """The sound of one file in blocks, to be walked through once.

    Each block's ``start_s`` is in seconds from the container's start, on the clock of ``read_frames``: sound that
    begins later than the picture starts later than 0, and after a gap in the timestamps a new block begins at the true
    time (no silence is made up). Blocks that follow each other without a gap join without a seam.

    After (or during) the walk, ``decoded_until_s`` tells how far the sound decoded and ``damaged`` what is wrong, or
    None. Only a file of which no sound decodes raises.
    """

    def __init__(
        self, source: str | os.PathLike[str] | bytes, sampling_rate: int, block_s: float, limits: Limits
    ) -> None:
        self._source = source
        self._name = name_of(source)
        self._rate = sampling_rate
        self._block_samples = max(1, round(block_s * sampling_rate))
        self._limits = limits
        self._progress = Progress()
        self._walk = self._blocks()

    @property
    def decoded_until_s(self) -> float:
        """Seconds from the start to the end of the last sound that decoded so far."""
        return self._progress.decoded_until_s

    @property
    def damaged(self) -> str | None:
        """What is wrong with the sound, as far as seen yet; None where nothing is."""
        return self._progress.damaged

    def __iter__(self) -> AudioReader:
        return self

    def __next__(self) -> AudioTrack:
        return next(self._walk)

    def close(self) -> None:
        """Stop early and let go of the file."""
        self._walk.close()

    def _blocks(self) -> Generator[AudioTrack, None, None]:
        run: _Run | None = None
        progress, bad = self._progress, 0
        with open_container(self._source) as container:
            stream = main_audio(container)
            if stream is None:
                raise MediaError(self._name, "it has no sound stream", "give a sound file or a video with sound")
            start_s, tick = origin_s(container), stream.time_base or Fraction(1, 1000)
            for frame in decoded(container, stream):
                if frame is None or frame.is_corrupt:
                    bad += 1
                    progress.damaged = f"{bad} of its sound packets are damaged and were left out"
                    continue
                if not frame.samples or not frame.sample_rate:
                    continue
                stated_s = None if frame.pts is None else float(frame.pts * tick) - start_s
                if run is None:
                    run = _Run(frame, 0.0 if stated_s is None else stated_s, self._rate)
                elif not run.takes(frame, stated_s):
                    yield from run.blocks(self._block_samples, end=True)
                    run = _Run(frame, max(run.end_s, run.end_s if stated_s is None else stated_s), self._rate)
                run.add(frame)
                self._limits.check_duration(self._name, run.end_s)
                progress.decoded_until_s = run.end_s
                yield from run.blocks(self._block_samples, end=False)
            if run is None:
                raise MediaError(self._name, "none of its sound can be decoded", "copy or convert it again")
            yield from run.blocks(self._block_samples, end=True)
            short = shortfall(progress.decoded_until_s, stream_end_s(container, stream))
            progress.damaged = "; ".join(filter(None, [progress.damaged, short])) or None


class _Run:
    """A stretch of sound without a gap and of one source format: one resampler, and the samples not yet given out."""

    def __init__(self, frame: AudioFrame, start_s: float, rate: int) -> None:
        # rematrix_maxval=1 scales the downmix so that full-scale channels can't sum past 1 (libswresample: float
        # output is otherwise not normalised, and stereo to mono gains 3 dB).
        self._resampler = AudioResampler("fltp", "mono", rate, options={"rematrix_maxval": "1.0"})
        self._form = _form(frame)
        self._start_s = start_s
        self._rate = rate
        self._taken_s = 0.0
        self._given = 0
        self._parts: list[NDArray[np.float32]] = []
        self._waiting = 0

    @property
    def end_s(self) -> float:
        return self._start_s + self._taken_s

    def takes(self, frame: AudioFrame, stated_s: float | None) -> bool:
        """Whether a frame goes on where this run ends, in the same format."""
        return _form(frame) == self._form and (stated_s is None or stated_s - self.end_s < _GAP_S)

    def add(self, frame: AudioFrame) -> None:
        self._taken_s += frame.samples / frame.sample_rate
        frame.pts = None  # the run counts samples itself
        self._collect(self._resampler.resample(frame))

    def _collect(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), dtype=np.float32)[0]  # (num_samples,)
            self._parts.append(samples)
            self._waiting += len(samples)

    def blocks(self, block_samples: int, *, end: bool) -> Iterator[AudioTrack]:
        """Full blocks, and at the end of the run the rest too."""
        if end:
            self._collect(self._resampler.resample(None))
        while self._waiting >= block_samples or (end and self._waiting):
            joined = np.concatenate(self._parts)
            ready, rest = joined[:block_samples], joined[block_samples:]
            self._parts, self._waiting = [rest.copy()], len(rest)
            waveform = np.clip(np.nan_to_num(ready), -1.0, 1.0).astype(np.float32)
            yield AudioTrack(waveform, self._rate, self._start_s + self._given / self._rate)
            self._given += len(ready)


def _form(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def read_audio(
    path: str | os.PathLike[str] | bytes,
    sampling_rate: int,
    block_s: float = 30.0,
    limits: Limits | None = None,
) -> AudioReader:
    """Read the sound of any sound or video file, block by block.

    Args:
        path: The file, or a whole file's bytes.
        sampling_rate: Wanted rate in Hz; the sound is resampled to it and mixed down to mono.
        block_s: Length of a block in seconds; the last block of a stretch is shorter.
        limits: Defaults to ``Limits()``; they hold while decoding too.

    Returns:
        An ``AudioReader``: an iterator of ``AudioTrack`` with ``waveform`` float32 (num_samples,) in [-1, 1].

    Raises:
        MediaError: Not readable, or (while walking) without a sound stream or with nothing that decodes.
        UnsupportedMediaError: An archive, or over a limit.
        UsageError: A rate or a block length that is not positive.
    """
    limits = limits or Limits()
    if sampling_rate < 1 or not block_s > 0:
        raise UsageError(
            f"read_audio(sampling_rate={sampling_rate}, block_s={block_s})",
            "both must be greater than 0",
            "for example sampling_rate=16000 and block_s=30.0",
        )
    name = name_of(path)
    head = path[:64] if isinstance(path, bytes) else check_file(path, limits)[1]
    if signature_of(name, head) is Signature.PICTURE:
        raise MediaError(name, "it is a picture and has no sound stream", "give a sound file or a video with sound")
    return AudioReader(path, sampling_rate, block_s, limits)
