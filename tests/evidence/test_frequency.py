"""The spectra on pictures whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from deepfake_hf.evidence import measures
from deepfake_hf.evidence.frequency import (
    BINS,
    SPECTRA,
    FaceSpectra,
    azimuthal_spectrum,
    block_dct_spectrum,
    distance_from,
    falls_by,
    wavelet_spectrum,
)


def test_white_noise_is_flat_and_has_its_variance_in_all_three() -> None:
    noise = np.random.default_rng(0).normal(0, 10, (256, 256))  # variance 10² = 20 dB; all three transforms keep it
    at, level = azimuthal_spectrum(noise)
    assert at.shape == level.shape == (BINS,) and at[0] > 0 and at[-1] < 0.5
    assert np.abs(level[6:] - 20).max() < 1.5  # the innermost rings have few pixels
    assert np.abs(block_dct_spectrum(noise)[1] - 20).max() < 0.5
    assert np.abs(wavelet_spectrum(noise)[1] - 20).max() < 0.5


def test_a_wave_shows_at_its_frequency() -> None:
    x = np.arange(200)
    for cycles in (0.1, 0.3):
        at, level = azimuthal_spectrum(np.tile(100 * np.sin(2 * np.pi * cycles * x), (200, 1)))
        assert abs(at[np.argmax(level)] - cycles) < 0.5 / BINS


def test_block_dct_is_that_of_scipy_by_diagonal() -> None:
    grey = np.random.default_rng(1).uniform(0, 255, (16, 24))
    own = [dctn(grey[i : i + 8, j : j + 8], norm="ortho")[1, 2] ** 2 for i in (0, 8) for j in (0, 8, 16)]
    other = [dctn(grey[i : i + 8, j : j + 8], norm="ortho")[2, 1] ** 2 for i in (0, 8) for j in (0, 8, 16)]
    corners = [dctn(grey[i : i + 8, j : j + 8], norm="ortho") for i in (0, 8) for j in (0, 8, 16)]
    whole = np.mean([(block[0, 3] ** 2 + block[3, 0] ** 2) / 2 for block in corners])
    expected = 10 * np.log10((np.mean(own) + np.mean(other) + 2 * whole) / 4 + 1e-3)
    assert block_dct_spectrum(grey)[1][2] == pytest.approx(expected)


def test_stripes_stand_in_their_own_wavelet_band() -> None:
    stripes = np.tile([0.0, 100.0], (64, 32))  # one pixel dark, one light, across
    level = wavelet_spectrum(stripes)[1]
    assert np.argmax(level) == 6 and level[6] - np.sort(level)[-2] > 40  # level 1, across


def test_enlarging_takes_the_fine_third_of_all_three() -> None:
    noise = np.random.default_rng(0).uniform(0, 255, (224, 224))
    smooth = sum(np.roll(noise, (i, j), (0, 1)) for i in range(4) for j in range(4)) / 16
    for spectrum in SPECTRA:
        assert falls_by(spectrum.take(smooth)[1]) > falls_by(spectrum.take(noise)[1]) + 8, spectrum.name


def test_distance_is_in_half_widths_of_the_band() -> None:
    low, middle, high = np.full(5, -2.0), np.zeros(5), np.full(5, 2.0)
    assert distance_from(middle, low, middle, high) == 0
    assert distance_from(np.full(5, 6.0), low, middle, high) == pytest.approx(3.0)


def test_faces_of_one_track_are_averaged_and_small_ones_abstain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "reference", lambda: {"reference": {}, "curves": {}, "measured": {}})
    spectra = FaceSpectra()
    assert spectra.findings() == [] and spectra.plots() == []
    spectra.add(np.zeros((224, 224, 3), np.uint8), 0, 60.0)
    assert ["107 px" in str(found.abstained) for found in spectra.findings()] == [True] * 3
    rng = np.random.default_rng(2)
    crops = [rng.integers(0, 255, (224, 224, 3), np.uint8) for _ in range(2)]
    for crop in crops:
        spectra.add(crop, 3, 180.0)
    curves = [SPECTRA[0].take(crop.astype(float) @ (0.299, 0.587, 0.114))[1] for crop in crops]
    bracket, mean = spectra.curves(SPECTRA[0])[3]
    assert bracket == "faces of 150 to 199 px" and np.allclose(mean, np.mean(curves, axis=0))
    found = spectra.findings()
    assert [one.title for one in found] == ["Spectrum", "Block DCT", "Wavelet bands"]
    assert all(one.strength is None and "no genuine media" in str(one.finding) for one in found)
    assert [plot.name for plot in spectra.plots()] == ["spectrum", "block_dct", "wavelet"]
