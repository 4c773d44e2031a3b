"""One verdict from many voices: each person's face, all faces together, and the sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepfake_hf.scoring.aggregation import interval, robust_mean
from deepfake_hf.scoring.calibration import sigmoid
from deepfake_hf.scoring.decision import BranchCalibration

RULE = (
    "Every person's face (robust mean of its frames), all faces together, and the sound each have a voice. The voice "
    "that is rarest for genuine media decides, after a correction for the number of voices (Šidák), so that a longer "
    "clip or more people do not raise the share of genuine media called fake. Suspicious stretches are shown beside "
    "the verdict and do not change it, but for one thing: where a face's scores leap up for 0.7 s or more, a part "
    "may have been changed, and nothing is called real: it is uncertain then."
)
UNCALIBRATED_RULE = (
    "This model was not calibrated: its P(fake) is its own, nobody has measured how often genuine media reach it, and "
    "there are no limits by name. The voice with the highest robust mean stands for the medium, without a correction "
    "for the number of voices. The verdict is uncertain unless a number was given as the limit."
)


@dataclass(frozen=True)
class Voice:
    """One candidate for the verdict: ``margins`` are the calibrated margins of its windows, at least one."""

    name: str
    branch: str
    track: int | None
    margins: tuple[float, ...]


@dataclass(frozen=True)
class Fused:
    """The deciding voice, its corrected P(fake), interval and the number of voices it was chosen from."""

    voice: Voice
    p_fake: float
    interval: tuple[float, float] | None
    num_voices: int


def fuse(voices: Sequence[Voice], calibrations: Mapping[str, BranchCalibration]) -> Fused:
    """Choose the voice that is rarest for genuine media and correct it for the choice.

    Args:
        voices: at least one.
        calibrations: by branch name; empty for a model that nobody has calibrated, where the highest voice is taken
            as it is (``UNCALIBRATED_RULE``).
    """
    pooled = [*voices]
    faces = [voice for voice in voices if voice.track is not None]
    if len(faces) > 1:
        together = tuple(margin for voice in faces for margin in voice.margins)
        pooled.append(Voice("all faces together", faces[0].branch, None, together))

    if not calibrations:
        loudest = max(pooled, key=lambda voice: robust_mean(voice.margins))
        return Fused(loudest, sigmoid(robust_mean(loudest.margins)), interval(loudest.margins), len(pooled))

    def rarity(voice: Voice) -> tuple[float, float]:
        margin = robust_mean(voice.margins)
        return calibrations[voice.branch].null.tail(margin), -margin

    chosen = min(pooled, key=rarity)
    null = calibrations[chosen.branch].null
    margin = robust_mean(chosen.margins)
    corrected = null.corrected(margin, len(pooled))
    drop = margin - corrected
    spread = interval([value - drop for value in chosen.margins])
    return Fused(chosen, sigmoid(corrected), spread, len(pooled))
