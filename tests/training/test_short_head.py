"""The head for windows of a second: what it is fitted on, that it finds it, and that it changes no verdict."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from deepfake_hf.detector import Detector
from deepfake_hf.errors import DataError
from deepfake_hf.hub.bundle import EMBEDDED, open_bundle
from deepfake_hf.media import write_audio
from deepfake_hf.models import SpeechStatisticsConfig, SpeechStatisticsForAudioClassification
from deepfake_hf.models.layers_speech_statistics import num_statistics
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.training import short_head, short_head_data
from deepfake_hf.training.short_head import Rows, fit_short_head, put_short_head
from deepfake_hf.training.short_head_data import ShortRows, read_rows, window_statistics
from deepfake_hf.training.speech_data import SpeechClip, Split
from deepfake_hf.types import AudioTrack

TOLD = 40  # the statistic that fakes move


def made_rows(seed: int, family: str = "world", windows: int = 40) -> ShortRows:
    """Noise; a splice moves one statistic by four deviations."""
    rng = np.random.default_rng(seed)
    genuine = rng.normal(0, 1, (windows, num_statistics())).astype(np.float32) + np.float32(rng.normal())
    spliced = rng.normal(0, 1, (8, num_statistics())).astype(np.float32) + np.float32(rng.normal())
    spliced[:, TOLD] += 4
    share = np.array([0.9] * 6 + [0.4] * 2)
    return ShortRows(genuine, np.arange(windows) * 0.256, spliced, share, np.full(8, family))


def model() -> SpeechStatisticsForAudioClassification:
    torch.manual_seed(0)
    return SpeechStatisticsForAudioClassification(SpeechStatisticsConfig(limit=1.5, soft=True, two_sided=True)).eval()


def test_it_weighs_what_splices_move_and_keeps_a_recording_out_of_its_own_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[set[int]] = []
    fit = short_head._discriminant

    def watched(rows: Rows, left: str | None) -> NDArray[np.float32]:
        seen.append({len(row.begin_s) for row in rows})
        return fit(rows, left)

    monkeypatch.setattr(short_head, "_discriminant", watched)
    rows = {f"r{seed:02}": [made_rows(seed, windows=40 + seed)] for seed in range(10)}
    told = model()
    peaks = fit_short_head(told, rows)
    assert told.short_head is not None and told.config.short_head
    assert int(told.short_head.weight[0].argmax()) == TOLD
    assert [len(one) for one in peaks] == [2 if (39 + seed) * 0.256 < 10 else 3 for seed in range(10)]
    for fold in range(4):
        assert seen[fold] == {40 + seed for seed in range(10) if seed % 4 != fold}
    assert len(seen[4]) == 10


def test_a_family_that_is_left_out_has_no_say() -> None:
    rows = {f"r{seed:02}": [made_rows(seed, "world" if seed % 2 else "hifigan")] for seed in range(10)}
    for seed in range(1, 10, 2):
        rows[f"r{seed:02}"][0].spliced[:, TOLD] -= 8
    weights = {}
    for left in (None, "world", "hifigan"):
        told = model()
        fit_short_head(told, rows, left)
        assert told.short_head is not None
        weights[left] = float(told.short_head.weight[0, TOLD].detach())
    assert weights["world"] > 5 * abs(weights[None]) and weights["hifigan"] < -5 * abs(weights[None])  # type: ignore[index]


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match="recordings or splices are missing"):
        fit_short_head(model(), {"one": [made_rows(0)]})


@pytest.fixture
def speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of nine recordings of ten seconds and its cache; the vocoder of all families is a rounding."""
    genuine, _ = speech_pair()
    (tmp_path / "librispeech").mkdir()
    clips = []
    for number in range(9):
        sound = np.roll(np.tile(genuine, 6)[: 10 * SPEECH_RATE], number * 7_000)
        write_audio(tmp_path / "librispeech" / f"r{number}.wav", AudioTrack(sound, SPEECH_RATE, 0.0))
        split: Split = "dev" if number == 8 else "train"
        name = f"librispeech/r{number}.wav"
        clips.append(
            SpeechClip(f"r{number}-0", name, "librispeech", f"s{number}", split, 0, SPEECH_RATE, (0, SPEECH_RATE))
        )
    (tmp_path / "clips.json").write_text(json.dumps([dataclasses.asdict(clip) for clip in clips]))
    monkeypatch.setattr(
        short_head_data, "vocode", lambda name, sound, rate, seed: np.round(sound * 32) / np.float32(32)
    )
    return tmp_path


def test_rows_are_made_once_and_alike(speech: Path) -> None:
    made = read_rows("librispeech/r0.wav", speech, speech, coded=False)
    assert made is not None and len(made.genuine) == len(made.begin_s) > 12
    assert len(made.spliced) == len(made.share) == len(made.family) > 5 and made.share.min() > 0.3
    assert made.genuine.shape[1] == num_statistics()
    path = speech / "seconds" / "r0__clean.npz"
    written = path.stat().st_mtime_ns
    again = read_rows("librispeech/r0.wav", speech, speech, coded=False)
    assert path.stat().st_mtime_ns == written and again is not None
    path.unlink()
    anew = read_rows("librispeech/r0.wav", speech, speech, coded=False)
    assert anew is not None and np.array_equal(anew.spliced, made.spliced) and np.array_equal(again.share, made.share)
    silent = window_statistics(np.zeros(4 * SPEECH_RATE, np.float32))
    assert silent[0].shape == (0, num_statistics()) and silent[1].shape == (0, 2)


def test_a_bundle_gets_the_head_and_keeps_its_verdicts(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, bundle)
    before = Detector.from_pretrained(bundle)
    sound = speech / "librispeech" / "r0.wav"
    with pytest.raises(DataError, match="50"):  # nine recordings of ten seconds are two pieces each
        put_short_head(bundle, speech, speech, lambda line: None)
    assert open_bundle(bundle).label == before.bundle.label
    told: list[str] = []
    monkeypatch.setattr(short_head, "piece_peaks", lambda windows: np.linspace(0, 9, 10))
    null = put_short_head(bundle, speech, speech, told.append)
    assert null.num_samples == 90 and told[-1] == "8 of 8 recordings"
    after = Detector.from_pretrained(bundle)
    held = after.bundle.calibrations["speech"]
    assert held.stretches is not None and np.array_equal(held.stretches.margins, null.margins)
    assert held.operating_points == before.bundle.calibrations["speech"].operating_points
    assert after.detect(sound).p_fake == before.detect(sound).p_fake
    old, new = (load_file(folder / "speech" / "model.safetensors") for folder in (EMBEDDED, bundle))
    assert [name for name in new if not np.array_equal(old[name], new[name])] == ["short_head.weight"]
