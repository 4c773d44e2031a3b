"""Spectra of faces: azimuthally averaged, in blocks of the cosine transform, and in wavelet bands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from deepfake_hf.evidence.face_size import MIN_FACE_PX, bracket_of
from deepfake_hf.evidence.measures import Measure, Reading, finding_of, genuine_band, silent
from deepfake_hf.types import Finding, Plot, PlotLine

Floats = NDArray[np.float64]
BINS: Final = 48
_BLOCK: Final = 8
_LEVELS: Final = 3
_BANDS: Final = tuple(
    f"{kind} {level}" for level in range(_LEVELS, 0, -1) for kind in ("across", "down", "diagonal")
)  # coarse to fine
_DRAWN: Final = 4  # faces in one plot


def azimuthal_spectrum(grey: Floats) -> tuple[Floats, Floats]:
    """The power spectrum of a picture averaged over all directions.

    Args:
        grey: float64 (H, W), luma of any range, both sides 48 px or more.

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


def block_dct_spectrum(grey: Floats) -> tuple[Floats, Floats]:
    """Mean energy of the 8 x 8 cosine transform by diagonal.

    Args:
        grey: float64 (H, W), luma in 0 to 255; what does not fill a block is left out.

    Returns:
        float64 (14,) diagonals u + v = 1 to 14, and float64 (14,) mean energy of their coefficients in dB.

    Source: Frank et al. 2020, "Leveraging Frequency Analysis for Deep Fake Image Recognition" (statistics of the
    cosine transform), in JPEG's blocks.
    """
    height, width = (side // _BLOCK * _BLOCK for side in grey.shape)
    blocks = grey[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).swapaxes(1, 2)
    energy = (dctn(blocks, axes=(2, 3), norm="ortho") ** 2).mean(axis=(0, 1))  # (8, 8)
    diagonal = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    sums = np.bincount(diagonal.ravel(), energy.ravel()) / np.bincount(diagonal.ravel())
    return np.arange(1.0, 2 * _BLOCK - 1), np.asarray(10 * np.log10(sums[1:] + 1e-3), np.float64)


def wavelet_spectrum(grey: Floats) -> tuple[Floats, Floats]:
    """Energy of the Haar wavelet's bands of three levels.

    Args:
        grey: float64 (H, W), luma in 0 to 255, sides of 8 px or more; a last odd row or column is left out.

    Returns:
        float64 (9,) places, and float64 (9,) mean energy in dB: levels 3, 2, 1 (coarse to fine), each across, down and
        diagonal.

    Source: Mallat 1989, "A theory for multiresolution signal decomposition"; band statistics after Farid & Lyu 2003,
    "Higher-order wavelet statistics and their application to digital forensics".
    """
    energies: list[list[float]] = []
    for _ in range(_LEVELS):
        grey = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
        a, b, c, d = grey[::2, ::2], grey[::2, 1::2], grey[1::2, ::2], grey[1::2, 1::2]
        bands = ((a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2)  # across, down, diagonal
        energies.append([float((band**2).mean()) for band in bands])
        grey = (a + b + c + d) / 2
    level = 10 * np.log10(np.array(energies[::-1]).ravel() + 1e-3)
    return np.arange(1.0, 3 * _LEVELS + 1), np.asarray(level, np.float64)


@dataclass(frozen=True)
class Spectrum:
    """One of the three: how it is taken and drawn. ``distance`` and ``fall`` are what is measured of its curve."""

    name: str
    title: str
    take: Callable[[Floats], tuple[Floats, Floats]]
    x_label: str
    y_label: str

    @property
    def distance(self) -> Measure:
        return Measure(f"{self.name}_distance", f"{self.title}, distance from genuine faces", "", 2)

    @property
    def fall(self) -> Measure:
        return Measure(f"{self.name}_fall", f"{self.title}, fall from coarse to fine", "dB")


SPECTRA: Final = (
    Spectrum("spectrum", "Spectrum", azimuthal_spectrum, "cycles per pixel of the 224 px crop", "mean power (dB)"),
    Spectrum("block_dct", "Block DCT", block_dct_spectrum, "diagonal of the 8 x 8 block (1 coarse, 14 fine)",
             "mean energy (dB)"),
    Spectrum("wavelet", "Wavelet bands", wavelet_spectrum, "band", "mean energy (dB)"),
)  # fmt: skip
_MEANS: Final = (
    "A steep end comes from enlarging, smoothing or compression, a step or a bump from upsampling in a generator. "
    "Distance is the mean distance from the median of genuine faces of this size, in half-widths of their 90 % band."
)
_NOT: Final = (
    "Anything on its own: focus, noise, beauty filters and codecs differ as much. The genuine faces held against are "
    "of one collection (DFDC), all saved as JPEG."
)


def falls_by(level: Floats) -> float:
    """Mean of the coarse third of a curve less that of the fine third, dB."""
    third = len(level) // 3
    return float(level[:third].mean() - level[-third:].mean())


def distance_from(level: Floats, low: Floats, middle: Floats, high: Floats) -> float:
    """Mean distance of a curve from the median of genuine faces in half-widths of their 90 % band; all (N,)."""
    return float(np.mean(np.abs(level - middle) / np.maximum((high - low) / 2, 0.1)))


class FaceSpectra:
    """Gathers the spectra of tracks, one face after the other; keeps sums only."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str], dict[str, Floats]] = defaultdict(dict)
        self._counts: dict[tuple[int, str], int] = defaultdict(int)
        self._small = 0

    def add(self, crop: NDArray[np.uint8], track: int, face_px: float) -> None:
        """Take one face: uint8 (224, 224, 3) of ``reference_crop``, and its width in the source in pixels."""
        bracket = bracket_of(face_px)
        if bracket is None:
            self._small += 1
            return
        grey = crop.astype(np.float64) @ (0.299, 0.587, 0.114)  # Rec. 601 luma
        self._counts[track, bracket] += 1
        held = self._sums[track, bracket]
        for spectrum in SPECTRA:
            level = spectrum.take(grey)[1]
            held[spectrum.name] = held[spectrum.name] + level if spectrum.name in held else level

    def curves(self, spectrum: Spectrum) -> dict[int, tuple[str, Floats]]:
        """By track: its class of size (that with most frames) and the mean curve, dB."""
        found: dict[int, tuple[str, Floats]] = {}
        for (track, bracket), count in sorted(self._counts.items(), key=lambda item: (item[0][0], -item[1])):
            if track not in found:
                found[track] = (bracket, self._sums[track, bracket][spectrum.name] / count)
        return found

    def readings(self) -> list[Reading]:
        """Of each spectrum and track its fall, and its distance where there are genuine faces of its size."""
        found = []
        for spectrum in SPECTRA:
            for track, (bracket, level) in self.curves(spectrum).items():
                found.append(Reading(spectrum.fall, falls_by(level), f"face {track}", bracket))
                band = genuine_band(spectrum.name, bracket)
                if band is not None:
                    value = distance_from(level, *band[1:4])
                    found.append(Reading(spectrum.distance, value, f"face {track}", bracket))
        return found

    def findings(self) -> list[Finding]:
        """One of each spectrum; none where no face came."""
        if not self._counts:
            why = f"no face is {MIN_FACE_PX} px wide, and of smaller ones there are no genuine faces to hold it against"
            return [silent("frequency", s.title, why) for s in SPECTRA] if self._small else []
        frames = [
            (f"face {track}, frames", str(self._counts[track, bracket]))
            for track, (bracket, _) in self.curves(SPECTRA[0]).items()
        ]
        readings = self.readings()
        return [
            finding_of(
                "frequency", s.title, [r for r in readings if r.measure in (s.fall, s.distance)], _MEANS, _NOT, frames
            )
            for s in SPECTRA
        ]

    def plots(self) -> list[Plot]:
        """One of each spectrum, over the band of genuine faces of the first face's size."""
        plots = []
        for spectrum in SPECTRA:
            curves = self.curves(spectrum)
            if not curves:
                continue
            x = spectrum.take(np.zeros((224, 224)))[0]
            bracket = next(iter(curves.values()))[0]
            band = genuine_band(spectrum.name, bracket)
            lines = [PlotLine(f"face {track}", x, level) for track, (_, level) in list(curves.items())[:_DRAWN]]
            said = f"90 % of {band[4]:,} genuine {bracket}" if band else ""
            plots.append(
                Plot(
                    spectrum.name, "frequency", f"{spectrum.title} of faces",
                    "Mean over the frames looked at, on crops scaled to 224 px and saved as the reference was (JPEG, "
                    "quality 75)." + (" The band holds nine in ten genuine faces at each place." if band else ""),
                    spectrum.x_label, spectrum.y_label, tuple(lines), band[:2] + (band[3],) if band else None, said,
                    ticks=tuple(enumerate(_BANDS, 1)) if spectrum.name == "wavelet" else (),
                )
            )  # fmt: skip
        return plots
