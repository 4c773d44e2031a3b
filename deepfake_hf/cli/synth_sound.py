"""The makers of ``deepfake-hf synth`` that change sound: vocode, shift-sync, splice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from deepfake_hf.cli.synth_faces import first_usable
from deepfake_hf.cli.synth_run import Job, Made, Source, Tell, candidates
from deepfake_hf.errors import MediaError
from deepfake_hf.media import probe, write_audio
from deepfake_hf.synthesis.clip_runner import read_sound, replace_sound
from deepfake_hf.synthesis.sound_fakes import choose_stretch, other_sound, shift_sound, splice, vocode_long
from deepfake_hf.types import AudioTrack, MediaInfo, MediaKind

_SILENCE_RMS: Final = 1e-4
_LEAST_S: Final = 0.5
_CONTEXT_S: Final = 0.5  # either side of a stretch, rebuilt with it so that its edges are no edges for the vocoder


@dataclass(frozen=True)
class SoundWork:
    """The new sound, what the details say, whom else it was made of, and the fake stretch in seconds."""

    track: AudioTrack
    details: dict[str, Any]
    others: tuple[Source, ...] = ()
    start_s: float | None = None
    end_s: float | None = None


class SoundMaker(ABC):
    """Reads sound files and the sound of videos as one channel, writes flac, or the video with the new sound."""

    @abstractmethod
    def work(self, job: Job, track: AudioTrack, rng: np.random.Generator) -> SoundWork:
        """What becomes of the sound."""

    def original(self, path: str, info: MediaInfo) -> AudioTrack:
        """The genuine sound as fake and twin start from it."""
        track = read_sound(path, info=info)
        if len(track.waveform) < _LEAST_S * track.sampling_rate:
            raise MediaError(path, f"its sound lasts {track.duration_s:.2f} s", f"give {_LEAST_S} s or more")
        if float(np.sqrt(np.mean(track.waveform.astype(np.float64) ** 2))) < _SILENCE_RMS:
            raise MediaError(path, "its sound is silence", "give a recording of speech")
        return track

    def make(self, job: Job, folder: Path, rng: np.random.Generator, tell: Tell) -> Made:
        """Write the fake."""
        info = self.checked(job.source.path)
        work = self.work(job, self.original(job.source.path, info), rng)
        file = _write(job.source.path, info, work.track, folder / "fake")
        details = {"sampling_rate": work.track.sampling_rate, **work.details}
        return Made(file, details, work.others, None, work.start_s, work.end_s)

    def twin(self, source: Source, folder: Path, tell: Tell) -> Path:
        """The genuine sound through the same encoder."""
        info = self.checked(source.path)
        return _write(source.path, info, self.original(source.path, info), folder / "genuine")

    def checked(self, path: str) -> MediaInfo:
        """The file's probe, refused where there is nothing to hear."""
        info = probe(path)
        if not info.num_audio_streams:
            raise MediaError(path, "it has no sound", "give a sound file or a video with sound")
        return info


class VocodeMaker(SoundMaker):
    """Copy-synthesis of the whole sound: the job's method is ``vocode-`` and the generator.

    Args:
        resample: Whether genuine sound goes through HiFi-GAN's rate first, in fakes and twins alike.
    """

    def __init__(self, resample: bool) -> None:
        self._resample = resample

    def original(self, path: str, info: MediaInfo) -> AudioTrack:
        track = super().original(path, info)
        if not self._resample:
            return track
        from deepfake_hf.synthesis.vocoders import resampling_path

        return replace(track, waveform=resampling_path(track.waveform, track.sampling_rate))

    def work(self, job: Job, track: AudioTrack, rng: np.random.Generator) -> SoundWork:
        generator = job.method.removeprefix("vocode-")
        made = vocode_long(generator, track.waveform, track.sampling_rate, int(rng.integers(1 << 31)))
        details = {"vocoder": generator, "through_22050_hz": self._resample}
        return SoundWork(replace(track, waveform=made), details)


class ShiftMaker(SoundMaker):
    """The sound of a video moved against its pictures, or another's in its place.

    Args:
        shift_s: By how much, later where positive; None draws it from ``shift_range_s`` and the direction too.
        shift_range_s: Least and most.
        others: Whose sound may be taken; None shifts.
    """

    def __init__(
        self, shift_s: float | None, shift_range_s: tuple[float, float], others: Sequence[Source] | None
    ) -> None:
        self._shift_s = shift_s
        self._range_s = shift_range_s
        self._others = others

    def checked(self, path: str) -> MediaInfo:
        info = super().checked(path)
        if info.kind is not MediaKind.VIDEO:
            raise MediaError(path, "it has no pictures that its sound could be out of step with", "give a video")
        return info

    def work(self, job: Job, track: AudioTrack, rng: np.random.Generator) -> SoundWork:
        rate = track.sampling_rate
        if self._others is not None:
            source, other = first_usable(
                candidates(job.source, self._others, rng), lambda one: _other_track(one, rate), job.source, "--other"
            )
            made = other_sound(track.waveform, other.waveform)
            return SoundWork(replace(track, waveform=made), {"offset_s": None, "sound_from": source.path}, (source,))
        drawn = float(rng.uniform(*self._range_s)) * (1 if rng.random() < 0.5 else -1)
        shift = round((drawn if self._shift_s is None else self._shift_s) * rate)
        made = shift_sound(track.waveform, rate, shift / rate)
        return SoundWork(replace(track, waveform=made), {"offset_s": shift / rate, "later_is_positive": True})


class SpliceMaker(SoundMaker):
    """A stretch of speech replaced: by its vocoded twin (method ``splice-`` and the generator) or by another's words.

    Args:
        seconds: Length of the stretch.
        fade_s: Of the cross-fades, inside the stretch.
        others: Whose words may be taken, with the method ``splice-other``.
    """

    def __init__(self, seconds: float, fade_s: float, others: Sequence[Source]) -> None:
        self._seconds = seconds
        self._fade_s = fade_s
        self._others = others

    def work(self, job: Job, track: AudioTrack, rng: np.random.Generator) -> SoundWork:
        rate, name = track.sampling_rate, job.method.removeprefix("splice-")
        begin, end = choose_stretch(track.waveform, rate, self._seconds, rng)
        others: tuple[Source, ...] = ()
        if name == "other":
            source, other = first_usable(
                candidates(job.source, self._others, rng), lambda one: _other_track(one, rate), job.source, "--other"
            )
            first, last = choose_stretch(other.waveform, rate, self._seconds, rng)
            piece, others = other.waveform[first:last], (source,)
        else:
            before, after = max(0, begin - round(_CONTEXT_S * rate)), end + round(_CONTEXT_S * rate)
            twin = vocode_long(name, track.waveform[before:after], rate, int(rng.integers(1 << 31)))
            piece = twin[begin - before : end - before]
        made = splice(track.waveform, piece, begin, rate, self._fade_s, alike=name != "other")
        start_s, end_s = (round(track.start_s + sample / rate, 6) for sample in (begin, end))
        details = {"replaced_by": name, "start_s": start_s, "end_s": end_s, "fade_s": self._fade_s}
        return SoundWork(replace(track, waveform=made), details, others, start_s, end_s)


def _other_track(source: Source, rate: int) -> AudioTrack:
    return read_sound(source.path, rate)


def _write(path: str, info: MediaInfo, track: AudioTrack, stem: Path) -> Path:
    """A flac beside ``stem``, or an mp4 with the video's own pictures."""
    if info.kind is MediaKind.VIDEO:
        file = stem.with_suffix(".mp4")
        replace_sound(path, file, track)
        return file
    file = stem.with_suffix(".flac")
    write_audio(file, track, "flac")
    return file
