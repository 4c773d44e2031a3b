"""Pairs for lip sync: their times, their numbers, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from scipy.fft import dct
from transformers import AutoFeatureExtractor

from deepfake_hf.models import PRESETS, SyncNetConfig, SyncNetModel
from deepfake_hf.processing import PROCESSORS, LipSyncFeatureExtractor
from deepfake_hf.processing.feature_extraction_lip_sync import cepstra, mel_filters

RATE = 16_000


def clip(seconds: float, fps: float = 25.0, side: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops whose grey is their number, their times, and noise."""
    times = np.arange(round(seconds * fps)) / fps
    crops = np.broadcast_to(np.arange(len(times), dtype=np.uint8)[:, None, None, None], (len(times), side, side, 3))
    return crops, times, np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def test_a_pair_holds_picture_and_sound_of_the_same_fifth_of_a_second() -> None:
    crops, times, sound = clip(1.0)
    made = LipSyncFeatureExtractor(image_size=16)(crops, times, sound, RATE)
    # the last window of 25 ms ends inside the sound only for pairs that start before 0.8 s
    assert made["pixel_values"].shape == (20, 3, 5, 16, 16) and made["input_values"].shape == (20, 1, 13, 20)
    np.testing.assert_allclose(made["pair_start_s"], 0.04 * np.arange(20), atol=1e-9)
    heard = cepstra(sound.astype(np.float64), RATE, 13)
    for start in (0, 7, 19):
        assert made["pixel_values"][start, :, :, 0, 0].numpy() == pytest.approx(
            np.tile(np.arange(start, start + 5.0), (3, 1)), abs=1e-4
        )
        np.testing.assert_allclose(made["input_values"][start, 0].T, heard[4 * start : 4 * start + 20], rtol=1e-5)


def test_other_rates_and_late_sound_keep_the_clock() -> None:
    crops, times, sound = clip(1.0, fps=50.0)
    made = LipSyncFeatureExtractor(image_size=8)(crops, times + 3.0, sound, RATE, sound_start_s=3.2)
    assert made["pair_start_s"][0] == pytest.approx(3.2)
    assert made["pixel_values"][0, 0, :, 0, 0].tolist() == pytest.approx([10, 12, 14, 16, 18], abs=1e-4)
    np.testing.assert_allclose(made["input_values"][0, 0].T, cepstra(sound.astype(float), RATE, 13)[:20], rtol=1e-5)


def test_pairs_over_a_gap_are_left_out() -> None:
    crops, times, sound = clip(2.0)
    seen = (times < 0.8) | (times > 1.2)
    starts = LipSyncFeatureExtractor(image_size=8)(crops[seen], times[seen], sound, RATE)["pair_start_s"]
    assert starts.max() > 1.2 and not ((starts > 0.68) & (starts < 1.12)).any()


def test_cepstra_agree_with_torchaudio_and_scipy() -> None:
    sound = clip(0.5)[2].astype(np.float64)
    theirs = torchaudio.functional.melscale_fbanks(257, 0.0, RATE / 2, 26, RATE, norm=None, mel_scale="htk").numpy().T
    ours = mel_filters(26, 512, RATE)
    # ours has its corners on whole bins, rounded down: a band's centre lies less than one bin below theirs
    bins = np.arange(257)
    assert np.abs((ours @ bins) / ours.sum(1) - (theirs @ bins) / theirs.sum(1)).max() < 1
    emphasised = np.append(sound[:1], sound[1:] - 0.97 * sound[:-1]) * 32768
    power = np.stack([np.abs(np.fft.rfft(emphasised[i : i + 400], 512)) ** 2 / 512 for i in (0, 160, 320)])
    raw = dct(np.log(power @ ours.T), norm="ortho")[:, 1:13]
    expected = raw * (1 + 11 * np.sin(np.pi * np.arange(1, 13) / 22))
    found = cepstra(sound, RATE, 13)
    np.testing.assert_allclose(found[:3, 1:], expected, rtol=1e-6)
    np.testing.assert_allclose(found[:3, 0], np.log(power.sum(1)), rtol=1e-9)


def test_the_model_takes_what_the_processor_makes_and_a_folder_keeps_both(tmp_path: Path) -> None:
    config = SyncNetConfig(image_size=112, visual_widths=[2] * 6, sound_widths=[2] * 6, hidden_size=4, embedding_size=4)
    SyncNetModel(config).save_pretrained(tmp_path)
    LipSyncFeatureExtractor(image_size=112).save_pretrained(tmp_path)
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    assert isinstance(extractor, LipSyncFeatureExtractor) and extractor.image_size == 112
    made = extractor(*clip(0.4), RATE)
    starts = made.pop("pair_start_s")
    with torch.inference_mode():
        assert SyncNetModel.from_pretrained(tmp_path).eval()(**made).distances.shape == (len(starts),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling_rate": 8_000}, "not at 16000"),
        ({"pts_s": np.zeros(25)}, "does not rise"),
        ({"pts_s": np.arange(3.0)}, "a time"),
        ({"raw_speech": np.zeros(300, np.float32)}, "no 0.2 s"),
        ({"raw_speech": np.zeros((2, 900), np.float32)}, "one channel"),
        ({"sound_start_s": 9.0}, "no 0.2 s"),
    ],
)
def test_what_cannot_be_paired_is_told(change: dict[str, object], words: str) -> None:
    crops, times, sound = clip(1.0)
    given = {"crops": crops, "pts_s": times, "raw_speech": sound, "sampling_rate": RATE} | change
    with pytest.raises(ValueError, match=words):
        LipSyncFeatureExtractor(image_size=8)(**given)
    with pytest.raises(TypeError, match="no option colour"):
        LipSyncFeatureExtractor(colour=True)
    with pytest.raises(ValueError, match="coefficients"):
        LipSyncFeatureExtractor(num_coefficients=27)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.kind in PROCESSORS])
def test_every_row_makes_its_processor(name: str) -> None:
    made = PROCESSORS[PRESETS[name].kind](**PRESETS[name].processor)
    stored = made.to_dict()
    assert all(stored[key] == value for key, value in PRESETS[name].processor.items() if not isinstance(value, list))
