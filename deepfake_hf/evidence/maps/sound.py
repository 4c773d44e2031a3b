"""Maps of a sound: over time (T,), or over bands and time (bands, T), strong where it speaks for a fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from deepfake_hf.errors import UsageError
from deepfake_hf.evidence.maps.heat_map import HeatMap, strongest_is_one
from deepfake_hf.evidence.maps.statistics_bands import rows_of_bands
from deepfake_hf.inference.scorers import BATCH
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification

STEP_S: Final = 0.05  # of a map's columns
NUM_BANDS: Final = 20  # of 400 Hz at 16 kHz
_SPAN_S: Final = 0.75  # of a stretch: chosen on the speakers set aside (docs/maps.md)
_HOP_S: Final = 0.1
_SEAM_S: Final = 0.01
_SOFTNESS: Final = 3.0  # logits
# The branch in the box, stretches of 0.75 s of the speakers set aside: 95 % of 674 genuine ones lie below it, and more
# than 75 % of 135 rebuilt ones above.
_MIDDLE: Final = 2.5  # logits
_QUIET: Final = 0.25  # of the louder stretches' level: fainter ones don't count
Wave = NDArray[np.float32]


def sound_map(kind: str, branch: Any, waveform: Wave) -> HeatMap:
    """A map of a sound.

    Args:
        kind: ``short_windows`` or ``leave_out``, for any branch of sounds, (T,); ``band_shares``, for the branch on
            speech statistics in torch, (NUM_BANDS, T) from 0 to 8 kHz.
        branch: A :class:`~deepfake_hf.inference.branch.SpeechBranch`, or what has its ``score`` and ``sampling_rate``.
        waveform: float32 (num_samples,) in [-1, 1] at the branch's sampling rate, 0.85 s or more. It takes about as
            long as it lasts on one core: give it the suspicious part of a long recording.

    Returns:
        Columns of STEP_S from the beginning on. ``short_windows`` is as of :func:`squashed`, on one scale for all
        sounds, and 0 in pauses; of the others 1 is ``full_scale``, in logits.

    Raises:
        UsageError: There is no such kind, this branch can't give it, or the sound is too short or not finite.

    Source: ``leave_out`` is occlusion (Zeiler & Fergus 2014, arXiv:1311.2901) in time; the others are this project's.
    """
    makers: dict[str, Callable[[Any, Wave], HeatMap]] = {
        "short_windows": _short_windows,
        "leave_out": _leave_out,
        "band_shares": _band_shares,
    }
    if kind not in makers:
        raise UsageError(f"the map {kind!r} of a sound", "there is no such kind", f"choose one of {', '.join(makers)}")
    sound = np.asarray(waveform)
    if sound.ndim != 1 or sound.dtype != np.float32 or not np.isfinite(sound).all():
        raise UsageError("the sound", f"it is {sound.dtype} {sound.shape}", "give finite float32 (num_samples,)")
    if len(sound) < (_SPAN_S + _HOP_S) * branch.sampling_rate:
        raise UsageError(
            "the sound", f"it lasts {len(sound) / branch.sampling_rate:.2f} s",
            f"a map takes {_SPAN_S + _HOP_S:g} s or more",
        )  # fmt: skip
    return makers[kind](branch, sound)


def stretches(num_samples: int, rate: int) -> list[tuple[int, int]]:
    """First and last + 1 sample of stretches of 0.75 s, a tenth apart; the last ends at the very end."""
    span, hop = round(_SPAN_S * rate), round(_HOP_S * rate)
    starts = [*range(0, num_samples - span, hop), num_samples - span]
    return [(start, start + span) for start in starts]


def over_time(
    values: NDArray[np.float64], spans: list[tuple[int, int]], num_samples: int, rate: int, empty: float = 0.0
) -> NDArray[np.float64]:
    """At each column the mean of the stretches that cover its middle, ``empty`` where none does: (N, …) -> (T, …)."""
    middles = (np.arange(max(1, int(num_samples / rate / STEP_S))) + 0.5) * STEP_S * rate
    begins, ends = (np.array([span[i] for span in spans]) for i in (0, 1))
    covers = ((middles[:, None] >= begins) & (middles[:, None] < ends)).astype(float)  # (T, N)
    mean = covers @ values.reshape(len(values), -1) / np.maximum(covers.sum(1, keepdims=True), 1)
    mean[covers.sum(1) == 0] = empty
    return np.asarray(mean.reshape(len(middles), *values.shape[1:]))


def _short_windows(branch: Any, sound: Wave) -> HeatMap:
    spans = stretches(len(sound), branch.sampling_rate)
    loudness = np.array([float(np.sqrt(np.mean(sound[begin:end].astype(np.float64) ** 2))) for begin, end in spans])
    heard = loudness >= _QUIET * np.quantile(loudness, 0.9)  # pauses say nothing of the voice
    spans = [span for span, is_heard in zip(spans, heard, strict=True) if is_heard]
    margins = np.asarray(branch.score([sound[begin:end] for begin, end in spans]))
    level = over_time(margins, spans, len(sound), branch.sampling_rate, empty=-np.inf)
    return HeatMap("short_windows", squashed(level), "logit_fake of 0.75 s, squashed: 0.5 is 2.5, 0.9 is 9.1", 1.0)


def squashed(margins: NDArray[np.float64]) -> NDArray[np.float32]:
    """``1 / (1 + exp(-(margin - 2.5) / 3))``: 95 % of genuine stretches lie below 0.5. P(fake) would be 0 or 1."""
    above = (np.asarray(margins, np.float64) - _MIDDLE) / _SOFTNESS
    return (1 / (1 + np.exp(-np.clip(above, -40, 40)))).astype(np.float32)


def _leave_out(branch: Any, sound: Wave) -> HeatMap:
    spans = stretches(len(sound), branch.sampling_rate)
    seam = round(_SEAM_S * branch.sampling_rate)
    left = [_without(sound, begin, end, seam) for begin, end in spans]
    # one by one: lengths differ by the seam, and padding would only cost time
    fall = float(branch.score([sound])[0]) - np.array([float(branch.score([part])[0]) for part in left])
    level = over_time(fall, spans, len(sound), branch.sampling_rate)
    return strongest_is_one("leave_out", level, "fall of logit_fake", True)


def _without(sound: Wave, begin: int, end: int, seam: int) -> Wave:
    """The sound less a stretch, its ends cross-faded."""
    before, after = sound[:begin], sound[end:]
    fade = min(seam, len(before), len(after))
    if fade == 0:
        return np.concatenate((before, after))
    rising = np.linspace(0, 1, fade, dtype=np.float32)
    joint = before[-fade:] * (1 - rising) + after[:fade] * rising
    return np.concatenate((before[:-fade], joint, after[fade:])).astype(np.float32)


def _band_shares(branch: Any, sound: Wave) -> HeatMap:
    spans = stretches(len(sound), branch.sampling_rate)
    shares = statistic_shares(branch, [sound[begin:end] for begin, end in spans])  # (N, D)
    level = over_time(shares @ rows_of_bands(NUM_BANDS), spans, len(sound), branch.sampling_rate)  # (T, NUM_BANDS)
    return strongest_is_one("band_shares", level.T, "logit_fake added by the band", True)


def statistic_shares(branch: Any, windows: list[Wave]) -> NDArray[np.float64]:
    """What each statistic adds to ``logit_fake``: with the model's bias they sum up to it exactly.

    Args:
        branch: On speech statistics, in torch.
        windows: N sounds of one length, float32 (num_samples,).

    Returns:
        float64 (N, D).

    Raises:
        UsageError: The branch's model is another one.
    """
    model = getattr(branch, "model", None)
    if not isinstance(model, SpeechStatisticsForAudioClassification):
        raise UsageError(
            "the map 'band_shares'",
            "this branch is no model on speech statistics in torch",
            "take 'short_windows', or the branch in the box with --runtime torch",
        )
    scale = float((model.config.calibration or {}).get("scale", 1.0))
    found = []
    with torch.inference_mode():
        for start in range(0, len(windows), BATCH):
            sounds = torch.from_numpy(np.stack(windows[start : start + BATCH])).to(branch.device)
            found.append((model.shares(model.measure(sounds)) * scale).cpu().numpy())
    return np.concatenate(found)
