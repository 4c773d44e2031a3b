"""Seconds put into genuine speech: those that a detector sees are counted, and those it does not see are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake_hf.evaluation import spliced_seconds
from deepfake_hf.evaluation.map_plants import PlantedSound
from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair


class Marked(SoundScorer):
    """Sees what is marked by a sample of full scale in each block."""

    sampling_rate = SPEECH_RATE

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        return np.array([8.0 * float((np.abs(window) == 1.0).mean()) * 100 - 4 for window in windows])


def test_what_is_seen_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, _ = speech_pair()
    sound = np.clip(np.tile(genuine, 9)[: 11 * SPEECH_RATE], -0.9, 0.9)
    null = NullDistribution.fit(np.random.default_rng(0).normal(2, 1, 200))
    monkeypatch.setattr(spliced_seconds, "vocode_long", lambda name, sound, rate, seed: sound)
    begin_s = 4.0

    def planted(genuine: NDArray[np.float32], *_: object) -> PlantedSound:
        marked = genuine.copy()
        marked[int(begin_s * SPEECH_RATE) : int((begin_s + 1) * SPEECH_RATE) : 100] = 1.0
        return PlantedSound(marked, begin_s, begin_s + 1, 0, 8000, "x")

    monkeypatch.setattr(spliced_seconds, "rebuilt_stretch", planted)
    found = spliced_seconds.check_spliced_seconds(Marked(), null, [sound, sound[: 5 * SPEECH_RATE]], num_long=0)
    row = found["10 to 15 s"]
    assert (row["genuine"], row["genuine_with_a_stretch"], row["spliced"]) == (1, 0, 3)
    assert row["found"] == row["to_half_a_second"] == 3
    monkeypatch.setattr(spliced_seconds, "rebuilt_stretch", lambda sound, *_: PlantedSound(sound, 4, 5, 0, 8000, "x"))
    unseen = spliced_seconds.check_spliced_seconds(Marked(), null, [sound], num_long=0)["10 to 15 s"]
    assert (unseen["spliced"], unseen["found"]) == (3, 0)
