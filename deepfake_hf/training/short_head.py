"""The head for windows of a second: what is fake in a second that differs from the rest of its recording.

A linear discriminant: between the mean of genuine windows and that of windows with copy-synthesis in them, each family
with the same weight, against how windows of one genuine recording differ among themselves. It sees differences from the
recording's mean alone, so that speaker, room and codec fall out. It does not know the families that the head for whole
utterances knows from codecs and voices, and stands beside it (``scoring.stretches.raised``).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from torch import nn

from deepfake_hf.errors import DataError
from deepfake_hf.hub.bundle import open_bundle, write_calibrations
from deepfake_hf.inference.branch import SpeechBranch, margins_of
from deepfake_hf.inference.speech_pass import SHORT_S, hear
from deepfake_hf.media import read_audio
from deepfake_hf.models.modeling_speech_statistics import SpeechStatisticsForAudioClassification
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.stretches import piece_peaks
from deepfake_hf.training.short_head_data import ShortRows, read_rows
from deepfake_hf.training.speech_data import read_clips
from deepfake_hf.types import ShortWindow

_RIDGE: Final = 0.1  # of the mean variance
_LEAST_SHARE: Final = 0.6  # of a window that copy-synthesis fills
_POWER: Final = 0.5  # of its squares beside the other head's
_FOLDS: Final = 4
_SEED: Final = 4
Rows = Sequence[ShortRows]


def read_all_rows(
    speech_dir: Path, cache_dir: Path, tell: Callable[[str], None] = lambda line: None
) -> dict[str, list[ShortRows]]:
    """Rows of every ``train`` recording of LibriSpeech, clean first, and of every second one through a codec too."""
    names = _recordings(cache_dir, "train")
    order = names.copy()
    np.random.default_rng(_SEED).shuffle(order)
    coded, found = set(order[::2]), {}
    for number, name in enumerate(names):
        rows = [read_rows(name, speech_dir, cache_dir, version) for version in (False, True)[: 1 + (name in coded)]]
        if rows[0] is not None:
            found[name] = [row for row in rows if row is not None]
        tell(f"{number + 1} of {len(names)} recordings")
    return found


def fit_short_head(
    model: SpeechStatisticsForAudioClassification, rows: dict[str, list[ShortRows]], leave_out: str | None = None
) -> list[NDArray[np.float64]]:
    """Give a model a short head, scaled against its own margins.

    Args:
        model: Fitted and calibrated; changed in place.
        rows: By recording, the clean ones first.
        leave_out: A family of vocoders that is not fitted.

    Returns:
        ``piece_peaks`` of every genuine recording, under a head that was fitted without it.

    Raises:
        DataError: There are fewer than eight recordings, or no splice.
    """
    names = sorted(rows)
    if len(names) < 2 * _FOLDS or not any(len(row.share) for name in names for row in rows[name]):
        raise DataError("the head for seconds can't be fitted", "recordings or splices are missing", "give speech")
    bent = {name: [_bent(model, row) for row in rows[name]] for name in names}
    parts = []
    for fold in range(_FOLDS):
        others = [name for place, name in enumerate(names) if place % _FOLDS != fold]
        parts.append(_discriminant([row for name in others for row in bent[name]], leave_out))
    margins = [_margins(model, rows[name][0].genuine) for name in names]
    short = [np.asarray(bent[name][0].genuine @ parts[place % _FOLDS], np.float64) for place, name in enumerate(names)]
    spreads = [np.std(np.concatenate([one - np.median(one) for one in each])) for each in (margins, short)]
    scale = math.sqrt(_POWER) * float(spreads[0] / spreads[1])
    weight = scale * _discriminant([row for name in names for row in bent[name]], leave_out)
    model.config.short_head = True
    model.short_head = nn.Linear(len(weight), 1, bias=False)
    with torch.no_grad():
        model.short_head.weight[0] = torch.from_numpy(weight)
    begins = [rows[name][0].begin_s for name in names]
    return [_peaks(*facts) for facts in zip(begins, margins, (scale * one for one in short), strict=True)]


def put_short_head(bundle: Path, speech_dir: Path, cache_dir: Path, tell: Callable[[str], None]) -> NullDistribution:
    """Fit the short head of a bundle's speech branch, and the limits of stretches with it.

    Args:
        bundle: Its speech branch and its calibration are written again.
        speech_dir: The folder with the recordings.
        cache_dir: The twin cache, which says whose speakers are ``train`` and ``dev``; rows are kept in it.
        tell: Told how far it is.

    Returns:
        How far a second stands out in each five seconds of genuine ``train`` and ``dev`` recordings.
    """
    held, folder = open_bundle(bundle), bundle / "speech"
    branch = SpeechBranch(folder, torch.device("cpu"))
    peaks = fit_short_head(branch.model, read_all_rows(speech_dir, cache_dir, tell))
    for name in _recordings(cache_dir, "dev"):
        peaks.append(piece_peaks(hear(branch, read_audio(speech_dir / name, branch.sampling_rate)).short_windows))
    null = NullDistribution.fit(np.concatenate(peaks))
    with tempfile.TemporaryDirectory(dir=bundle) as fresh:  # the model may still be mapped from the files in place
        branch.model.save_pretrained(fresh)
        for file in Path(fresh).iterdir():
            file.replace(folder / file.name)
    speech = replace(held.calibrations["speech"], stretches=null)
    write_calibrations(bundle, held.calibrations | {"speech": speech})
    return null


def _recordings(cache_dir: Path, split: str) -> list[str]:
    return sorted({clip.path for clip in read_clips(cache_dir) if clip.source == "librispeech" and clip.split == split})


def _bent(model: SpeechStatisticsForAudioClassification, rows: ShortRows) -> ShortRows:
    """The rows as the head sees them, less the recording's own mean."""
    with torch.inference_mode():
        genuine, spliced = (
            model.standardise(torch.from_numpy(values)).numpy() for values in (rows.genuine, rows.spliced)
        )
    middle = genuine.mean(0)
    return replace(rows, genuine=genuine - middle, spliced=spliced - middle)


def _discriminant(rows: Rows, leave_out: str | None) -> NDArray[np.float32]:
    """A weight a statistic, under which genuine windows have a deviation of 1."""
    genuine, spliced = (np.concatenate([getattr(row, kind) for row in rows]) for kind in ("genuine", "spliced"))
    family, share = (np.concatenate([getattr(row, kind) for row in rows]) for kind in ("family", "share"))
    spread = np.sqrt(np.square(genuine).mean(0)) + 1e-3
    scaled = genuine / spread
    within = scaled.T @ scaled / len(scaled)
    within[np.diag_indices(len(within))] += _RIDGE * np.trace(within) / len(within)
    full = share >= _LEAST_SHARE
    means = [spliced[full & (family == name)].mean(0) for name in np.unique(family[full]) if name != leave_out]
    weight = cho_solve(cho_factor(within), np.sum(means, axis=0) / spread) / spread
    return np.asarray(weight / np.sqrt(np.square(genuine @ weight).mean()), np.float32)


def _margins(model: SpeechStatisticsForAudioClassification, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibrated margins of raw statistics (W, D) by the head for whole utterances: (W,)."""
    with torch.inference_mode():
        seen = model.sides(model.standardise(torch.from_numpy(values)))
        return margins_of(model.answer(model.classifier(seen), None)[1])


def _peaks(
    begin_s: NDArray[np.float64], margins: NDArray[np.float64], short: NDArray[np.float64]
) -> NDArray[np.float64]:
    facts = zip(begin_s.tolist(), margins.tolist(), short.tolist(), strict=True)
    return piece_peaks(
        [ShortWindow(at, at + SHORT_S, "speech", None, margin, short_margin=own) for at, margin, own in facts]
    )
