"""The sound of one file taken along into another, up to the times asked for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from deepfake_hf.media.container import decoded, main_audio, open_container, origin_s
from deepfake_hf.media.remux import COPIED_SOUND, packets_from_zero

_FALLBACK_RATE: Final = 48_000


class SoundAlong:
    """One sound stream of an open output, filled from another file as the picture goes on; to be closed.

    Packets are copied bit for bit where an mp4 can carry their codec, and else encoded to AAC with up to two channels.
    The source's own start is time 0, as it is for ``read_frames``. A source without sound gives none; one that breaks
    off gives what there is.

    Args:
        container: An output to which nothing has been written yet.
        source: The file whose sound is wanted.
    """

    def __init__(self, container: OutputContainer, source: str | os.PathLike[str]) -> None:
        self._container = container
        self._held = contextlib.ExitStack()
        origin = self._held.enter_context(open_container(source))
        stream = main_audio(origin)
        self.copied = stream is not None and stream.codec_context.name in COPIED_SOUND
        self._packets: Iterator[tuple[float, Any]] = iter(())
        if stream is not None and self.copied:
            copy = container.add_stream_from_template(stream, opaque=True)
            self._packets = _copied(origin, stream, copy)
        elif stream is not None:
            self._packets = self._encoded(origin, stream)
        self._next: tuple[float, Any] | None = None

    def advance(self, until_s: float) -> None:
        """Write all sound that begins at or before ``until_s`` seconds."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or self._next[0] > until_s:
                return
            self._container.mux(self._next[1])
            self._next = None

    def finish(self) -> None:
        """Write the rest."""
        self.advance(float("inf"))

    def close(self) -> None:
        """Let go of the source."""
        self._held.close()

    def _encoded(self, origin: InputContainer, stream: AudioStream) -> Iterator[tuple[float, Any]]:
        layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
        rates = sorted(av.Codec("aac", "w").audio_rates or [_FALLBACK_RATE])
        wanted = stream.codec_context.sample_rate or _FALLBACK_RATE
        rate = next((rate for rate in rates if rate >= wanted), rates[-1])
        out = self._container.add_stream("aac", rate=rate, layout=layout)
        assert isinstance(out, AudioStream)

        def walk() -> Iterator[tuple[float, Any]]:
            resampler = AudioResampler("fltp", layout, rate, options={"rematrix_maxval": "1.0"})
            start_s, tick, done = origin_s(origin), stream.time_base or Fraction(1, 1000), 0
            for frame in decoded(origin, stream):
                if frame is None or frame.is_corrupt or not frame.samples:
                    continue
                if not done and frame.pts is not None:
                    done = max(0, round((float(frame.pts * tick) - start_s) * rate))
                frame.pts = None  # samples are counted here
                for part in resampler.resample(frame):
                    yield done / rate, out.encode(_at(part, done, rate))
                    done += part.samples
            for part in resampler.resample(None):
                yield done / rate, out.encode(_at(part, done, rate))
                done += part.samples
            yield done / rate, out.encode(None)

        return walk()


def _at(frame: AudioFrame, sample: int, rate: int) -> AudioFrame:
    frame.pts, frame.time_base = sample, Fraction(1, rate)
    return frame


def _copied(origin: InputContainer, stream: AudioStream, copy: Any) -> Iterator[tuple[float, Any]]:
    try:
        for time_s, packet in packets_from_zero(origin, stream):
            packet.stream = copy
            yield time_s, packet
    except av.FFmpegError:
        return  # the analysis says that it breaks off
