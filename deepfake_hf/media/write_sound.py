"""Encoding sound: a whole file at a time, or beside the frames of a video."""

from __future__ import annotations

import dataclasses
import io
import os
from fractions import Fraction
from typing import Final, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from deepfake_hf.errors import UsageError
from deepfake_hf.types import AudioTrack

AudioCodec = Literal["flac", "mp3", "aac", "opus", "wav", "pcm_mulaw", "pcm_alaw"]

_ENCODERS: Final[dict[str, tuple[str, str]]] = {  # codec: (FFmpeg's encoder, container that keeps its delay)
    "flac": ("flac", "flac"),
    "mp3": ("libmp3lame", "mp3"),
    "aac": ("aac", "ipod"),
    "opus": ("libopus", "ogg"),
    "wav": ("pcm_s16le", "wav"),
    "pcm_mulaw": ("pcm_mulaw", "wav"),
    "pcm_alaw": ("pcm_alaw", "wav"),
}
_LOSSLESS: Final = frozenset({"flac", "wav", "pcm_mulaw", "pcm_alaw"})
_CHUNK_SAMPLES: Final = 1 << 14


def write_audio(
    path: str | os.PathLike[str], track: AudioTrack, codec: AudioCodec = "flac", bit_rate: int | None = None
) -> None:
    """Write a sound file; the codec decides the container, whatever the name ends in.

    Args:
        path: The file to write.
        track: Mono sound; its ``start_s`` is not kept, as sound files start at 0.
        codec: ``flac`` and ``wav`` (16 bit), ``mp3``, ``aac`` (in m4a), ``opus`` (in ogg), ``pcm_mulaw`` or
            ``pcm_alaw`` (in wav, at the track's rate). A rate that the codec can't carry is raised to the next it can.
        bit_rate: Bits a second of ``mp3``, ``aac`` and ``opus``; None is FFmpeg's default.

    Raises:
        UsageError: An unknown codec, a bit rate for a codec that has none, or no samples.
    """
    data = encode_audio(track, codec, bit_rate)
    with open(path, "wb") as file:
        file.write(data)


def encode_audio(track: AudioTrack, codec: AudioCodec, bit_rate: int | None = None) -> bytes:
    """Encode a track to a whole file in memory; arguments and errors as in ``write_audio``."""
    if codec not in _ENCODERS:
        raise UsageError(f"codec {codec!r}", "it is not one that can be written", f"use one of {sorted(_ENCODERS)}")
    if bit_rate is not None and codec in _LOSSLESS:
        raise UsageError(f"bit_rate={bit_rate}", f"{codec} has no bit rate to choose", "leave bit_rate out")
    if len(track.waveform) == 0:
        raise UsageError(f"{codec} sound", "there are no samples to write", "give at least one sample")
    encoder, container_format = _ENCODERS[codec]
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        SoundEncoder(container, dataclasses.replace(track, start_s=0.0), encoder, bit_rate).finish()
    return file.getvalue()


class SoundEncoder:
    """One sound stream of an open output, encoded up to the times asked for.

    Args:
        container: An output to which nothing has been written yet.
        track: The sound; ``start_s`` becomes its timestamp.
        encoder: FFmpeg's name of the encoder.
        bit_rate: Bits a second; None is the encoder's default.
    """

    def __init__(
        self, container: OutputContainer, track: AudioTrack, encoder: str, bit_rate: int | None = None
    ) -> None:
        rates = sorted(av.Codec(encoder, "w").audio_rates or [])
        wanted = track.sampling_rate
        carried = wanted if not rates else next((rate for rate in rates if rate >= wanted), rates[-1])
        stream = container.add_stream(encoder, rate=carried, layout="mono")
        assert isinstance(stream, AudioStream)  # the table above names sound encoders only
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        self._container = container
        self._stream = stream
        self._track = track
        self._done = 0
        self._offset = round(track.start_s * wanted)

    def advance(self, until_s: float) -> None:
        """Encode all sound that begins at or before ``until_s`` seconds, to a chunk's precision."""
        track = self._track
        while self._done < len(track.waveform) and track.start_s + self._done / track.sampling_rate <= until_s:
            samples = np.ascontiguousarray(track.waveform[self._done : self._done + _CHUNK_SAMPLES], dtype=np.float32)
            frame = AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")  # (1, num_samples)
            frame.sample_rate = track.sampling_rate
            frame.time_base = Fraction(1, track.sampling_rate)
            frame.pts = self._offset + self._done
            self._container.mux(self._stream.encode(frame))
            self._done += len(samples)

    def finish(self) -> None:
        """Encode the rest and drain the encoder."""
        self.advance(float("inf"))
        self._container.mux(self._stream.encode(None))
