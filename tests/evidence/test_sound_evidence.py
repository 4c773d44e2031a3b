"""Sound whose pitch, jitter, shimmer, formants, band and pauses are known, and other libraries' answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from deepfake_hf.evidence import measures
from deepfake_hf.evidence.band_limit import LongSpectrum, band_findings
from deepfake_hf.evidence.formants import formants
from deepfake_hf.evidence.mel_strip import BANDS, MAX_COLUMNS, MelStrip
from deepfake_hf.evidence.pauses import LENGTH, PER_MINUTE, SHARE, SYLLABLES, Pauses, syllables
from deepfake_hf.evidence.pitch import cycles, perturbation, track_pitch, voiced_runs
from deepfake_hf.evidence.voice import JITTER, PITCH, SHIMMER, Voice
from deepfake_hf.evidence.walk_sound import walk_sound
from deepfake_hf.media import write_audio
from deepfake_hf.types import AudioTrack

RATE = 16_000
Wave = NDArray[np.float32]


def pulses(
    periods: NDArray[np.float64], heights: NDArray[np.float64], resonances: tuple[float, ...] = (), width: float = 6.0
) -> Wave:
    """A voice: smooth pulses at known times (samples, fractions too) with known heights, through resonances."""
    places = np.cumsum(periods)
    x = np.arange(int(places[-1]) + 200, dtype=np.float64)
    wave = np.zeros(len(x))
    for place, height in zip(places, heights, strict=True):
        near = slice(max(int(place) - 40, 0), int(place) + 41)
        wave[near] += height * np.exp(-(((x[near] - place) / width) ** 2))
    for hertz in resonances:
        radius = np.exp(-np.pi * 80 / RATE)
        wave = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2], wave)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.mark.parametrize("hertz", [90.0, 127.3, 220.0, 410.0])
def test_pitch_of_a_tone(hertz: float) -> None:
    seconds = np.arange(RATE) / RATE
    wave = sum(np.sin(2 * np.pi * k * hertz * seconds) / k for k in range(1, 6)).astype(np.float32) * 0.2
    times, pitch, strength = track_pitch(wave, RATE)
    assert np.nanmedian(pitch) == pytest.approx(hertz, rel=0.003) and np.mean(~np.isnan(pitch)) > 0.95
    assert strength.max() > 0.98 and times[1] - times[0] == pytest.approx(0.01)


def test_pitch_agrees_with_world_on_a_glide() -> None:
    import pyworld as world

    hertz = np.linspace(110, 190, 2 * RATE)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    wave = (0.3 * sum(np.sin(k * phase) / k for k in range(1, 8))).astype(np.float32)
    times, pitch, _ = track_pitch(wave, RATE)
    found, at = world.harvest(wave.astype(np.float64), RATE)
    theirs = np.interp(times, at, found)[5:-5]
    assert np.nanmax(np.abs(pitch[5:-5] / theirs - 1)) < 0.02


def test_noise_has_no_pitch() -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert np.mean(~np.isnan(track_pitch(wave, RATE)[1])) < 0.05
    assert voiced_runs(np.array([np.nan, 1, 1, 1, 1, 1, np.nan, 2, 2])) == [slice(1, 6)]


@pytest.mark.parametrize(("jitter", "shimmer"), [(0.0, 0.0), (0.02, 0.0), (0.0, 0.1), (0.03, 0.06)])
def test_jitter_and_shimmer_of_made_cycles(jitter: float, shimmer: float) -> None:
    signs = np.tile([1.0, -1.0], 90)
    periods, heights = 128 * (1 + signs * jitter / 2), 1 + signs * shimmer / 2
    voice = Voice(RATE)
    voice.add(pulses(periods, heights))
    values = voice.values()
    assert values[JITTER] == pytest.approx(100 * jitter, abs=0.15)
    assert values[SHIMMER] == pytest.approx(100 * shimmer, abs=0.6)
    assert values[PITCH] == pytest.approx(RATE / 128, rel=0.02)


def test_cycles_are_found_where_they_are() -> None:
    periods = np.full(100, 100.5)
    wave = pulses(periods, np.ones(100))
    times, pitch, _ = track_pitch(wave, RATE)
    places, heights = cycles(wave, RATE, times, pitch, voiced_runs(pitch)[0])
    assert len(places) > 80 and np.allclose(np.diff(places), 100.5, atol=0.05)
    off = places / 100.5 - np.round(places / 100.5)
    assert np.abs(off).max() < 0.01 and np.ptp(heights) < 0.02
    assert perturbation(places[:2], heights[:2]) == (0.0, 0.0, 0.0, 0.0, 0)


def test_formants_of_known_resonances() -> None:
    wave = pulses(np.full(120, 145.0), np.ones(120), (650.0, 1200.0, 2500.0), 1.0)
    found = np.nanmedian(formants(wave, RATE, np.arange(0.2, 0.9, 0.02)), axis=0)
    assert found == pytest.approx([650, 1200, 2500], rel=0.06)
    assert np.isnan(formants(np.zeros(RATE, np.float32), RATE, np.array([0.5]))).all()


@pytest.mark.parametrize("edge", [2000.0, 3400.0, 5500.0])
def test_band_limit_and_roll_off_of_limited_noise(edge: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 6 * RATE)
    limited = sosfilt(butter(16, edge, fs=RATE, output="sos"), noise).astype(np.float32)
    spectrum = LongSpectrum(RATE)
    for block in np.array_split(limited, 7):
        spectrum.add(block)
    assert spectrum.roll_off_khz() == pytest.approx(0.95 * edge / 1000, rel=0.04)
    assert edge / 1000 <= spectrum.band_limit_khz() <= 1.45 * edge / 1000  # 16th order falls 50 dB in half an octave
    whole = LongSpectrum(RATE)
    whole.add(limited)
    assert np.allclose(whole.curve()[1], spectrum.curve()[1]) and whole.num_frames == spectrum.num_frames


def test_lines_that_stand_still_are_banding() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, 5 * RATE)
    seconds = np.arange(5 * RATE) / RATE
    comb = sum(0.02 * np.sin(2 * np.pi * hertz * seconds) for hertz in range(1500, 7500, 500))
    plain, lined = LongSpectrum(RATE), LongSpectrum(RATE)
    plain.add(noise.astype(np.float32))
    lined.add((noise + comb).astype(np.float32))
    assert plain.banding_db() < 0.7 and lined.banding_db() > 3 * plain.banding_db()
    quiet = LongSpectrum(RATE)
    quiet.add(np.zeros(RATE, np.float32))
    assert all(found.abstained for found in band_findings(quiet))


def bursts(rate_hz: float, seconds: float) -> tuple[Wave, NDArray[np.bool_]]:
    x = np.arange(int(seconds * RATE)) / RATE
    wave = 0.3 * (0.05 + np.sin(np.pi * rate_hz * x) ** 2) * np.sin(2 * np.pi * 150 * x)
    return wave.astype(np.float32), np.ones(len(x), bool)


def test_syllables_of_bursts() -> None:
    for rate_hz in (3.0, 5.0):
        wave, speech = bursts(rate_hz, 4.0)
        assert syllables(wave, RATE, speech) == pytest.approx(rate_hz * 4, abs=1)
    assert syllables(wave, RATE, ~speech) == 0


def test_pauses_are_counted_and_silence_at_the_ends_is_none() -> None:
    pauses = Pauses(RATE)
    spoken, _ = bursts(4.0, 1.5)
    silent, loud = (0.7, 0.5, 0.08, 0.3, 2.0), 1.5  # seconds: five silences about four stretches of speech
    parts = [part for s in silent for part in ((s, False), (loud, True))][:-1]
    wave = np.concatenate([spoken[: int(s * RATE)] if on else np.zeros(int(s * RATE), np.float32) for s, on in parts])
    speech = np.concatenate([np.full(int(s * RATE), on) for s, on in parts])
    for first in range(0, len(wave), 10_000):  # in blocks whose edges fall anywhere
        pauses.add(wave[first : first + 10_000], speech[first : first + 10_000])
    values = pauses.values()
    assert values[LENGTH] == pytest.approx(0.4, abs=0.001)
    assert values[SHARE] == pytest.approx(100 * 0.8 / 6.88, abs=0.1)
    assert values[PER_MINUTE] == pytest.approx(60 * 2 / 6.88, abs=0.1) and 2 < values[SYLLABLES] < 6
    assert "100 %" in dict(pauses.finding().facts)["samples in pauses that repeat the one before"]
    assert Pauses(RATE).finding().abstained


def test_the_mel_strip_has_few_columns_however_long_the_sound() -> None:
    strip = MelStrip(RATE)
    assert strip.picture() is None
    seconds = np.arange(5 * RATE) / RATE
    for block in range(12):  # a minute: a tone of 1 kHz, then of 3 kHz
        tone = np.sin(2 * np.pi * (1000 if block < 6 else 3000) * seconds).astype(np.float32)
        strip.add(tone, 2.0 + 5 * block)
    picture = strip.picture()
    assert picture is not None and picture.level_db.shape[0] == BANDS and picture.start_s == 2.0
    columns = picture.level_db.shape[1]
    assert MAX_COLUMNS / 2 <= columns <= MAX_COLUMNS and columns * picture.step_s == pytest.approx(60, abs=0.3)
    mel = 2595 * np.log10(1 + np.array([1000, 3000, 8000]) / 700)
    top = picture.level_db[:, [columns // 4, 3 * columns // 4]].argmax(axis=0)
    assert np.abs(top - BANDS * mel[:2] / mel[2]).max() < 1.5


def test_a_walk_over_a_file_is_the_same_again_and_knows_the_files_own_band(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "reference", lambda: {"reference": {}, "curves": {}, "measured": {}})
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * 48_000).astype(np.float32)
    limited = sosfilt(butter(16, 11_000, fs=48_000, output="sos"), noise).astype(np.float32)
    write_audio(tmp_path / "a.wav", AudioTrack(limited, 48_000))
    walk = walk_sound(tmp_path / "a.wav", 48_000)
    first = walk.findings()
    assert [found.title for found in first] == [
        "Band limit and roll-off", "Banding of a vocoder", "Voice", "Pauses and speaking rate",
    ]  # fmt: skip
    assert walk.native is not None and 11 <= walk.native.band_limit_khz() < 15
    assert "48 kHz" in dict(first[0].facts)["at the file's own rate"] and first[2].abstained and first[3].abstained
    assert walk_sound(tmp_path / "a.wav", 48_000).findings() == first and walk.plots()[0].lines[0].x[-1] > 20
    assert walk_sound(tmp_path / "none.wav", RATE).findings() == [] and walk_sound(tmp_path / "a", None).plots() == []
