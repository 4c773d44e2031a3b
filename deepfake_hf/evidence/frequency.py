"""The spectrum of faces: how fast fine detail falls off, azimuthally averaged. It is shown and not judged."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.types import Finding, Strength

BINS: Final = 48
MIN_SIDE_PX: Final = 48
_LOW, _HIGH = 0.05, 0.45  # cycles per pixel
_TITLE: Final = "Spectrum of faces"


def azimuthal_spectrum(grey: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The power spectrum of a picture averaged over all directions.

    Args:
        grey: float64 (H, W), luma of any range, both sides ``MIN_SIDE_PX`` or more.

    Returns:
        float64 (BINS,) middle frequencies in cycles per pixel, from 0 to 0.5, and float64 (BINS,) mean power in dB.

    Source: Durall et al. 2020, "Watch your Up-Convolution" (azimuthal integration), here with a Hann window.
    """
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / (window**2).sum()  # (H, W)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    edges = np.linspace(0, 0.5, BINS + 1)
    place = np.digitize(radius.ravel(), edges) - 1
    inside = place < BINS  # beyond 0.5 only diagonals remain
    sums = np.bincount(place[inside], power.ravel()[inside], BINS)
    counts = np.bincount(place[inside], minlength=BINS)
    level = 10 * np.log10(sums / np.maximum(counts, 1) + 1e-6)
    return (edges[:-1] + edges[1:]) / 2, np.asarray(level, np.float64)


class FaceSpectra:
    """Gathers the spectra of tracks, one face after the other; keeps sums only."""

    def __init__(self) -> None:
        self._sums: dict[int, NDArray[np.float64]] = defaultdict(lambda: np.zeros(BINS))
        self._counts: dict[int, int] = defaultdict(int)
        self._small = 0

    def add(self, rgb: NDArray[np.uint8], box_xyxy: tuple[float, float, float, float], track: int) -> None:
        """Take one face from an upright frame uint8 (H, W, 3), at the frame's own resolution."""
        height, width = rgb.shape[:2]
        left, top = (max(0, round(value)) for value in box_xyxy[:2])
        right, bottom = min(width, round(box_xyxy[2])), min(height, round(box_xyxy[3]))
        if min(right - left, bottom - top) < MIN_SIDE_PX:
            self._small += 1
            return
        face = rgb[top:bottom, left:right].astype(np.float64) @ (0.299, 0.587, 0.114)  # Rec. 601 luma
        self._sums[track] += azimuthal_spectrum(face)[1]
        self._counts[track] += 1

    def curves(self) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """By track: cycles per pixel and mean dB, each float64 (BINS,)."""
        edges = np.linspace(0, 0.5, BINS + 1)
        middles = (edges[:-1] + edges[1:]) / 2
        return {track: (middles, self._sums[track] / count) for track, count in sorted(self._counts.items())}

    def finding(self) -> Finding | None:
        """What the curves show; None where there was no face at all."""
        curves = self.curves()
        if not curves and not self._small:
            return None
        if not curves:
            why = f"no face is {MIN_SIDE_PX} px wide and high, below which a spectrum shows nothing"
            return Finding("frequency", _TITLE, None, None, "", "", abstained=why)
        facts = []
        for track, (at, level) in curves.items():
            fall = float(np.interp(_LOW, at, level) - np.interp(_HIGH, at, level))
            number = self._counts[track]
            facts.append(
                (f"face {track}", f"falls by {fall:.1f} dB from {_LOW} to {_HIGH} cycles/px ({number} frames)")
            )
        return Finding(
            "frequency",
            _TITLE,
            "drawn below, not judged: there is no genuine recording of the same camera and compression beside it",
            Strength.NEUTRAL,
            "A steep end comes from enlarging, smoothing or compression, a step or a bump from upsampling; persons in "
            "one shot should look alike.",
            "Anything on its own: genuine media of different cameras and codecs differ as much.",
            facts=tuple(facts),
        )
