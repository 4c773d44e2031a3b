"""Sound that is no speech, and speech that is disturbed."""

import json
from pathlib import Path

import numpy as np
import pytest

from deepfake_hf import Detector
from deepfake_hf.media.write_sound import write_audio
from deepfake_hf.training import shortcut_checks
from deepfake_hf.training.shortcut_checks import DISTURBED, NO_SPEECH, RATE, music, write_shortcuts
from deepfake_hf.types import AudioTrack


def test_made_music_has_its_length_and_level_and_differs_by_seed() -> None:
    first, second = (music(2.3, np.random.default_rng(seed)) for seed in (0, 1))
    assert len(first) == round(2.3 * RATE) and abs(np.sqrt(np.mean(first**2)) - 1) < 1e-3
    assert np.abs(first - second).max() > 0.1


@pytest.mark.parametrize("name", [*DISTURBED])
def test_a_disturbance_leaves_sound_that_can_be_written(name: str) -> None:
    wave = music(1.0, np.random.default_rng(3)) * 0.1
    changed = DISTURBED[name](wave, np.random.default_rng(0))
    assert 0.5 * RATE < len(changed) <= RATE and np.isfinite(changed).all()
    assert np.array_equal(changed[: len(wave)], wave) == (name in ("as it is", "silence trimmed, 40 dB"))


def test_the_page_has_a_row_for_each_and_the_box_answers_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcut_checks, "_REPEATS", 1)
    monkeypatch.setattr(shortcut_checks, "_LONGEST_S", 2.0)
    (tmp_path / "librispeech").mkdir()
    write_audio(tmp_path / "librispeech" / "a.flac", AudioTrack(np.zeros(2 * RATE, np.float32), RATE))
    row = {
        "name": "a", "path": "librispeech/a.flac", "source": "LibriSpeech", "speaker": "a", "split": "validation",
        "start": 0, "num_samples": 2 * RATE, "speech": [0, 2 * RATE],
    }  # fmt: skip
    (tmp_path / "clips.json").write_text(json.dumps([row]))
    write_shortcuts(Detector.from_pretrained(), tmp_path, tmp_path, tmp_path / "page.md")
    rows = [line.split("|") for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("| ")]
    named = {cells[1].strip(): cells for cells in rows}
    assert {*NO_SPEECH, *DISTURBED} <= named.keys()
    assert all("fake" not in named[name][3] and named[name][4].strip() == "0.00" for name in NO_SPEECH)
