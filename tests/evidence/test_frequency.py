"""The spectrum on pictures whose spectrum is known."""

from __future__ import annotations

import numpy as np

from deepfake_hf.evidence.frequency import BINS, FaceSpectra, azimuthal_spectrum


def test_white_noise_is_flat_and_has_its_variance() -> None:
    at, level = azimuthal_spectrum(np.random.default_rng(0).normal(0, 10, (256, 256)))
    assert at.shape == level.shape == (BINS,) and at[0] > 0 and at[-1] < 0.5
    assert np.abs(level[6:] - 20).max() < 1.5  # variance 10² = 20 dB; the innermost rings have few pixels


def test_a_wave_shows_at_its_frequency() -> None:
    x = np.arange(200)
    for cycles in (0.1, 0.3):
        at, level = azimuthal_spectrum(np.tile(100 * np.sin(2 * np.pi * cycles * x), (200, 1)))
        assert abs(at[np.argmax(level)] - cycles) < 0.5 / BINS


def test_enlarging_takes_the_upper_half() -> None:
    small = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    large = np.kron(small[::2, ::2], np.ones((4, 4, 1), np.uint8)).astype(np.float64)
    large = sum(np.roll(large, (i, j), (0, 1)) for i in range(4) for j in range(4)) / 16
    spectra = FaceSpectra()
    spectra.add(large.astype(np.uint8), (0, 0, 128, 128), 1)
    spectra.add(np.random.default_rng(1).integers(0, 255, (128, 128, 3), np.uint8), (0, 0, 128, 128), 0)
    curves = spectra.curves()
    fall = {track: level[4] - level[-4] for track, (_, level) in curves.items()}
    assert fall[1] > 30 and abs(fall[0]) < 3
    found = spectra.finding()
    assert found is not None and [name for name, _ in found.facts] == ["face 0", "face 1"]


def test_small_faces_and_none() -> None:
    spectra = FaceSpectra()
    assert spectra.finding() is None
    spectra.add(np.zeros((64, 64, 3), np.uint8), (0, 0, 40, 64), 0)
    found = spectra.finding()
    assert found is not None and "48 px" in str(found.abstained) and spectra.curves() == {}
