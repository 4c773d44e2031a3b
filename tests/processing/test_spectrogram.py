"""The spectrogram feature extractor: shapes, level, padding, saving, and an independent reference."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from deepfake_hf.processing.feature_extraction_spectrogram import SpectrogramFeatureExtractor


def _noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, num_samples).astype(np.float32)


@pytest.mark.parametrize("kind", ["log_linear", "log_mel"])
def test_shapes_and_types(kind: str) -> None:
    extractor = SpectrogramFeatureExtractor(kind=kind)
    batch = extractor([_noise(16_000), _noise(8_000)], sampling_rate=16_000, return_tensors="pt")
    frames = extractor.num_frames(16_000)
    assert batch["input_values"].shape == (2, frames, extractor.feature_size)
    assert batch["input_values"].dtype == torch.float32
    assert batch["attention_mask"].dtype == torch.int64
    assert batch["attention_mask"].sum(1).tolist() == [frames, extractor.num_frames(8_000)]


def test_level_and_offset_change_nothing() -> None:
    extractor = SpectrogramFeatureExtractor()
    wave = _noise(16_000)
    quiet = wave.astype(np.float64) * 0.01 + 0.3
    assert np.allclose(extractor.features(wave), extractor.features(quiet), atol=2e-3)


def test_a_row_of_a_batch_is_the_clip_alone() -> None:
    extractor = SpectrogramFeatureExtractor()
    short = _noise(5_000)
    batch = extractor([_noise(16_000, 1), short], sampling_rate=16_000, return_tensors="np")
    alone = extractor(short, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    assert np.array_equal(batch["input_values"][1, : len(alone)], alone)


def test_agrees_with_scipy() -> None:
    wave = _noise(4_000)
    wave = (wave - wave.mean()) / np.sqrt(np.mean((wave - wave.mean()) ** 2))
    extractor = SpectrogramFeatureExtractor(mean_db=0.0, std_db=1.0)
    hertz, _, power = scipy.signal.spectrogram(
        wave, 16_000, "hann", 400, 240, 512, detrend=False, scaling="spectrum", mode="psd"
    )
    kept = (hertz >= 60) & (hertz <= 7_600)  # scipy counts both sides' power (x2) in amplitude^2 / 2
    expected = 10 * np.log10(power[kept].T + 10**-7.5)
    assert np.allclose(extractor.features(wave), expected, atol=0.05)


_SHORT = {"n_fft": 1024, "win_length": 1024, "hop_length": 256, "min_hz": 100.0, "short_win_length": 128}


def test_the_short_windows_show_when_and_where() -> None:
    extractor = SpectrogramFeatureExtractor(**_SHORT)
    assert (extractor.feature_size, extractor.num_channels) == (960, 2)
    time_s = np.arange(16_000) / 16_000
    burst = np.sin(2 * np.pi * 3_000 * time_s) * (np.abs(time_s - 0.5) < 0.004)
    made = extractor.features(burst.astype(np.float32))[:, 480:].reshape(-1, 60, 8)
    frame, band, part = np.unravel_index(made.argmax(), made.shape)
    assert band == 3_000 // 125 - 1
    middle = frame * 256 + 320 + part * 32 + 64  # of that short window, samples
    assert abs(middle - 8_000) <= 96
    assert np.allclose(extractor.features(burst)[:, :480], SpectrogramFeatureExtractor(
        **{**_SHORT, "short_win_length": 0}
    ).features(burst))  # fmt: skip


@pytest.mark.parametrize("change", [{"short_win_length": 64}, {"hop_length": 252}, {"min_hz": 60.0}])
def test_short_windows_that_do_not_fit_are_refused(change) -> None:
    with pytest.raises(ValueError, match="don't fit"):
        SpectrogramFeatureExtractor(**{**_SHORT, **change})


@pytest.mark.parametrize("num_samples", [1, 1_024, 1_279, 1_280])
def test_the_shortest_clips_with_short_windows(num_samples: int) -> None:
    extractor = SpectrogramFeatureExtractor(**_SHORT)
    assert extractor.features(_noise(num_samples)).shape == (extractor.num_frames(num_samples), 960)


def test_save_and_load(tmp_path) -> None:
    SpectrogramFeatureExtractor(kind="log_mel", num_mel_bins=64, hop_length=200).save_pretrained(tmp_path)
    loaded = SpectrogramFeatureExtractor.from_pretrained(tmp_path)
    assert (loaded.kind, loaded.feature_size, loaded.hop_length) == ("log_mel", 64, 200)


@pytest.mark.parametrize("clip", [np.zeros(0, np.float32), np.zeros((2, 900), np.float32)[None], [float("nan")] * 900])
def test_clips_that_are_no_clips_are_refused(clip) -> None:
    with pytest.raises(ValueError):
        SpectrogramFeatureExtractor()([clip], sampling_rate=16_000)


def test_wrong_rate_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="Resample"):
        SpectrogramFeatureExtractor()(_noise(900), sampling_rate=8_000)
    with pytest.raises(ValueError, match="kind"):
        SpectrogramFeatureExtractor(kind="cepstrum")
    with pytest.raises(ValueError, match="max_hz"):
        SpectrogramFeatureExtractor(max_hz=9_000)


def test_silence_and_very_short_clips_are_finite() -> None:
    extractor = SpectrogramFeatureExtractor()
    for wave in (np.zeros(8_000, np.float32), np.ones(3, np.float32)):
        assert np.isfinite(extractor(wave, sampling_rate=16_000, return_tensors="np")["input_values"]).all()


_CQT = {"kind": "log_cqt", "bins_per_octave": 12, "min_hz": 110.0, "win_length": 2_560, "hop_length": 320}


def _unit(wave: np.ndarray) -> np.ndarray:
    wave = wave - wave.mean()
    return wave / np.sqrt(np.mean(wave**2))


def test_constant_q_agrees_with_its_definition() -> None:
    """Brown 1991, equation 5, summed term by term for some frames and bins."""
    extractor = SpectrogramFeatureExtractor(**_CQT, mean_db=0.0, std_db=1.0)
    wave = _unit(_noise(6_000).astype(np.float64))
    made = extractor.features(wave)
    assert made.shape == (1 + (6_000 - 2_560) // 320, 1 + int(12 * np.log2(7_600 / 110)))
    quality = 1 / (2 ** (1 / 12) - 1)
    for frame, band in [(0, 0), (3, 17), (7, 40), (10, made.shape[1] - 1)]:
        hertz = 110 * 2 ** (band / 12)
        length = int(np.ceil(quality * 16_000 / hertz))
        first = frame * 320 + (2_560 - length) // 2
        total, weight = 0j, 0.0
        for n in range(length):
            window = np.sin(np.pi * n / length) ** 2
            total += window * wave[first + n] * np.exp(-2j * np.pi * hertz * n / 16_000)
            weight += window
        expected = 10 * np.log10(2 * abs(total / weight) ** 2 + 10**-7.5)
        assert made[frame, band] == pytest.approx(expected, abs=0.01)


@pytest.mark.slow
def test_constant_q_agrees_with_librosa() -> None:
    wave = _unit(_noise(16_000).astype(np.float64))
    made = SpectrogramFeatureExtractor(**_CQT, mean_db=0.0, std_db=1.0).features(wave)[4:-4, :60]
    # librosa's bandwidth is (r^2 - 1) / (r^2 + 1), its unscaled sums aren't divided by the windows' lengths, and its
    # frames stand about multiples of the hop: ours number t about sample 320 t + 1,280
    ratio, quality = 2 ** (2 / 12), 1 / (2 ** (1 / 12) - 1)
    theirs = librosa.cqt(
        wave, sr=16_000, hop_length=320, fmin=110.0, n_bins=60, bins_per_octave=12, sparsity=0.0, scale=False,
        filter_scale=quality * (ratio - 1) / (ratio + 1),
    )  # fmt: skip
    lengths = quality * 16_000 / (110 * 2 ** (np.arange(60) / 12))
    expected = 10 * np.log10(2 * np.abs(theirs.T / lengths) ** 2 + 10**-7.5)[8 : 8 + len(made)]
    assert np.median(np.abs(made - expected)) < 0.3 and np.corrcoef(made.ravel(), expected.ravel())[0, 1] > 0.98


def test_a_tone_stands_in_its_constant_q_bin_at_zero_decibels() -> None:
    extractor = SpectrogramFeatureExtractor(**_CQT, mean_db=0.0, std_db=1.0)
    for band in (5, 30, 60):
        tone = np.sin(2 * np.pi * 110 * 2 ** (band / 12) * np.arange(8_000) / 16_000)
        made = extractor.features(tone)
        assert set(made.argmax(1)) == {band} and np.allclose(made[:, band], 0.0, atol=0.1)


def test_constant_q_batches_and_files(tmp_path) -> None:
    extractor = SpectrogramFeatureExtractor(**_CQT)
    short = _noise(5_000)
    batch = extractor([_noise(16_000, 1), short], sampling_rate=16_000, return_tensors="np")
    alone = extractor.features(short)
    assert len(alone) == extractor.num_frames(5_000) == 1 + (5_000 - 2_560) // 320
    assert np.allclose(batch["input_values"][1, : len(alone)], alone, atol=1e-6)
    extractor.save_pretrained(tmp_path)
    loaded = SpectrogramFeatureExtractor.from_pretrained(tmp_path)
    assert (loaded.kind, loaded.bins_per_octave) == ("log_cqt", 12)
    assert np.allclose(loaded.features(short), alone)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"win_length": 2_000}, "Raise win_length"),
        ({"min_hz": 0.0}, "above zero"),
        ({"short_win_length": 128}, "second picture|Leave short"),
    ],
)
def test_constant_q_that_does_not_fit_is_refused(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        SpectrogramFeatureExtractor(**{**_CQT, **change})
