"""What happens to sound on its way to a listener; shared by augmentation and the robustness runs (no disk).

Every function is pure: float32 (num_samples,) in [-1, 1] in, a new array out. Only those that say so change the length
or shift what is heard in time.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
import scipy  # its parts are loaded when they are used: reading media needs none of them
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.sound import read_audio
from deepfake_hf.media.write_sound import AudioCodec, encode_audio
from deepfake_hf.types import AudioTrack

Wave = NDArray[np.float32]
_TELEPHONE_HZ: Final = 8000  # ITU-T G.711
_FRAME_S: Final = 0.02  # of a level measurement
_QUIET: Final = 1e-6  # added to a level, so that silence divides nothing


def codec_roundtrip(waveform: Wave, sampling_rate: int, codec: AudioCodec, bit_rate: int | None = None) -> Wave:
    """Send sound through a codec and back.

    Args:
        waveform: float32 (num_samples,) in [-1, 1].
        sampling_rate: Its rate in Hz.
        codec: ``mp3``, ``aac``, ``opus``, ``flac``, ``wav``, or G.711 as ``pcm_mulaw`` and ``pcm_alaw``, which also
            carries it at 8 kHz as telephones do.
        bit_rate: Bits a second of ``mp3``, ``aac`` and ``opus``; None is FFmpeg's default.

    Returns:
        float32 (num_samples,) in [-1, 1], the same rate and length, the codec's delay taken out.

    Raises:
        UsageError: An unknown codec, a bit rate for a codec that has none, or no samples.
    """
    track = AudioTrack(np.asarray(waveform, dtype=np.float32), sampling_rate)
    if codec in ("pcm_mulaw", "pcm_alaw") and sampling_rate != _TELEPHONE_HZ:
        narrow = _decode(encode_audio(track, "wav"), _TELEPHONE_HZ)
        track = AudioTrack(narrow, _TELEPHONE_HZ)
    decoded = _decode(encode_audio(track, codec, bit_rate), sampling_rate)
    back = np.zeros(len(waveform), np.float32)
    kept = min(len(back), len(decoded))
    back[:kept] = decoded[:kept]
    return back


def _decode(data: bytes, sampling_rate: int) -> Wave:
    unlimited = Limits(max_duration_s=float("inf"))
    blocks = [track.waveform for track in read_audio(data, sampling_rate, limits=unlimited)]
    return np.concatenate(blocks)  # (num_samples,)


def level_of(waveform: Wave) -> float:
    """Root mean square, a millionth more than it is."""
    return float(np.sqrt(np.mean(waveform**2))) + _QUIET


def coloured_noise(num_samples: int, exponent: float, rng: np.random.Generator) -> Wave:
    """Noise of RMS 1 whose power falls as 1 / f ** exponent (0 white, 1 pink, 2 brown): float32 (num_samples,)."""
    size = scipy.fft.next_fast_len(max(num_samples, 16), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size, dtype=np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), 4.0) ** (-exponent / 2.0)
    noise = scipy.fft.irfft(spectrum, size)[:num_samples]
    return np.asarray(noise / (np.sqrt(np.mean(noise**2)) + 1e-9), np.float32)


def mix_noise(waveform: Wave, noise: Wave, snr_db: float) -> Wave:
    """Add noise.

    Args:
        waveform: float32 (num_samples,).
        noise: float32 (num_samples,), RMS 1.
        snr_db: Level of the sound over that of the noise, in dB.

    Returns:
        float32 (num_samples,); peaks may leave [-1, 1].
    """
    return np.asarray(waveform + noise * level_of(waveform) * 10.0 ** (-snr_db / 20.0))


def reverberant_tail(num_samples: int, sampling_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise that has died away by 60 dB at its end, without the first 2 ms: float64 (num_samples,)."""
    decay = np.exp(-6.9 * np.arange(num_samples) / num_samples)
    tail = rng.standard_normal(num_samples) * decay
    tail[: int(0.002 * sampling_rate)] = 0.0
    return tail


def room_response(tail: NDArray[np.float64], direct_db: float) -> Wave:
    """A room's impulse response: the direct sound at once and at full level, then the tail.

    Args:
        tail: float64 (num_samples,), of ``reverberant_tail``.
        direct_db: Energy of the direct sound over that of the tail, in dB.

    Returns:
        float32 (num_samples,).
    """
    response = tail * (10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(tail**2) + 1e-9))
    response[0] = 1.0
    return np.asarray(response, np.float32)


def reverberate(waveform: Wave, response: Wave) -> Wave:
    """Hear sound in a room, cut at the end of the sound and at its level; the direct sound is not delayed.

    Args:
        waveform: float32 (num_samples,).
        response: float32 (any,), of ``room_response``.

    Returns:
        float32 (num_samples,).
    """
    size = scipy.fft.next_fast_len(len(waveform) + len(response), real=True)
    wet = filtered(waveform, scipy.fft.rfft(response, size), size)
    return (wet * (level_of(waveform) / level_of(wet))).astype(np.float32)


def filtered(waveform: Wave, response: NDArray[np.complexfloating] | NDArray[np.floating], size: int) -> Wave:
    """Multiply the spectrum of a waveform by a response.

    Args:
        waveform: float32 (num_samples,).
        response: (size // 2 + 1,) for the frequencies of ``rfft(…, size)``.
        size: Length of the transform, num_samples or more.

    Returns:
        float32 (num_samples,).
    """
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(waveform, size) * response, size)[: len(waveform)], np.float32)


def butterworth(hertz: NDArray[np.float64], limit_hz: float, order: int) -> NDArray[np.float64]:
    """Magnitude of a low pass, without its phase; with both frequencies negated, of a high pass. As ``hertz``."""
    ratio = hertz / limit_hz if limit_hz > 0 else limit_hz / np.minimum(hertz, -1e-3)
    return np.asarray(1.0 / np.sqrt(1.0 + np.minimum(ratio, 1e3) ** min(2 * order, 80)))


def limit_band(waveform: Wave, sampling_rate: int, limit_hz: float) -> Wave:
    """Take out what is above a frequency (zero-phase Butterworth of order 40, half power at the limit).

    Raises:
        UsageError: A limit that is not positive.
    """
    if not limit_hz > 0:
        raise UsageError(f"limit_hz={limit_hz}", "it must be greater than 0", "for example limit_hz=3400")
    size = scipy.fft.next_fast_len(len(waveform) + sampling_rate // 4, real=True)
    hertz = np.arange(size // 2 + 1) * (sampling_rate / size)
    return filtered(waveform, butterworth(hertz, limit_hz, 40), size)


def change_speed(waveform: Wave, speed: float) -> Wave:
    """Play faster (``speed`` over 1) or slower, pitch included.

    Args:
        waveform: float32 (num_samples,).
        speed: 0.5 to 2, rounded to a fraction of whole numbers up to 100.

    Returns:
        float32 (about num_samples / speed,).

    Raises:
        UsageError: A speed out of range.
    """
    if not 0.5 <= speed <= 2:
        raise UsageError(f"speed={speed}", "it goes from 0.5 to 2", "for example speed=1.1")
    ratio = Fraction(speed).limit_denominator(100)

    return np.asarray(scipy.signal.resample_poly(waveform, ratio.denominator, ratio.numerator), np.float32)


def trim_silence(waveform: Wave, sampling_rate: int, below_db: float) -> Wave:
    """Cut away the quiet beginning and end; pauses in between stay.

    Args:
        waveform: float32 (num_samples,).
        sampling_rate: Hz.
        below_db: What lies this far below the loudest 20 ms is quiet, in dB (positive).

    Returns:
        float32 (num_samples or fewer,), never empty where the waveform is not: pure silence stays whole.
    """
    step = max(1, round(_FRAME_S * sampling_rate))
    frames = np.pad(waveform, (0, -len(waveform) % step)).reshape(-1, step)  # (num_frames, step)
    levels = np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1))  # (num_frames,)
    loud = np.flatnonzero(levels > levels.max(initial=0.0) * 10.0 ** (-below_db / 20.0))
    if not len(loud):
        return waveform.copy()
    return waveform[loud[0] * step : (loud[-1] + 1) * step].copy()


def cut_length(waveform: Wave, sampling_rate: int, seconds: float) -> Wave:
    """The middle stretch of this length, or all where there is no more: float32 (num_samples,)."""
    wanted = round(seconds * sampling_rate)
    start = max(0, (len(waveform) - wanted) // 2)
    return waveform[start : start + wanted].copy()
