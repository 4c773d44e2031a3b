"""Windows of sound: the same however it comes in, up to its very end, and what overlaps is worked out once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deepfake_hf.detector import Detector
from deepfake_hf.inference.branch import SpeechBranch
from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_pass import SHORT_S, WINDOW_S, SpeechPass
from deepfake_hf.synthesis.examples import SPEECH_RATE, speech_pair
from deepfake_hf.types import AudioTrack


class Loudness(SoundScorer):
    """Scores by level, and remembers how long windows were."""

    sampling_rate = SPEECH_RATE

    def score(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        return np.array([float(np.abs(window).mean()) for window in windows])


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    genuine, _ = speech_pair()
    return np.tile(genuine, int(np.ceil(21.3 * SPEECH_RATE / len(genuine))))[: int(21.3 * SPEECH_RATE)]


def heard(branch: SoundScorer, sound: NDArray[np.float32], block_s: float) -> SpeechPass:
    made = SpeechPass(branch, with_short=True)
    step = int(block_s * SPEECH_RATE)
    for start in range(0, len(sound), step):
        made.feed(AudioTrack(sound[start : start + step], SPEECH_RATE, start / SPEECH_RATE))
    made.finish()
    return made


def test_blocks_change_nothing_and_the_end_is_reached(speech: NDArray[np.float32]) -> None:
    whole = heard(Loudness(), speech, 30.0)
    for block_s in (0.37, 3.0):
        parts = heard(Loudness(), speech, block_s)
        for ours, theirs in ((parts.windows, whole.windows), (parts.short_windows, whole.short_windows)):
            np.testing.assert_allclose(*([(w.start_s, w.end_s, w.logit_fake) for w in one] for one in (ours, theirs)))
    assert whole.windows[-1].end_s == pytest.approx(21.3, abs=0.05)
    assert whole.short_windows[-1].end_s == pytest.approx(21.3, abs=0.05)
    assert {round(w.end_s - w.start_s, 1) for w in whole.windows[:-1]} == {WINDOW_S}
    assert {round(w.end_s - w.start_s, 1) for w in whole.short_windows[:-1]} == {SHORT_S}
    starts = [w.start_s for w in whole.short_windows]
    assert starts == sorted(starts)
    for window in whole.windows:  # each was scored on the samples that it names
        inside = speech[round(window.start_s * SPEECH_RATE) : round(window.end_s * SPEECH_RATE)]
        assert window.logit_fake == pytest.approx(float(np.abs(inside).mean()), rel=1e-3)


def test_without_short_windows_there_are_none(speech: NDArray[np.float32]) -> None:
    made = SpeechPass(Loudness())
    made.feed(AudioTrack(speech, SPEECH_RATE, 0.0))
    assert made.finish() and not made.short_windows


def test_overlapping_windows_score_as_each_alone(speech: NDArray[np.float32]) -> None:
    branch = Detector.from_pretrained().speech_branch
    assert isinstance(branch, SpeechBranch)
    sound = speech[: 4 * SPEECH_RATE]
    alone = branch.score([sound])
    assert branch.score_along(sound, [(0, len(sound))]) == pytest.approx(alone, abs=1e-3)
    window = int(WINDOW_S * SPEECH_RATE)
    spans = [(start, start + window) for start in (0, 4096, 8192, 20480)]
    apart = branch.score([sound[begin:end] for begin, end in spans])
    together = branch.score_along(sound, spans)
    # one level for all of them, and the residual's frames begin elsewhere
    assert float(np.abs(together - apart).max()) < 2.0 and float(np.abs(together - apart).mean()) < 1.0
    again = branch.score_along(sound, spans)
    assert np.array_equal(together, again)
    with torch.inference_mode():
        level = branch.score_along(0.1 * sound, spans)
    assert level == pytest.approx(together, abs=0.05)
