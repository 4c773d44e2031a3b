"""The statistics of speech: what must not change them, and parts against a second library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter
from torch import Tensor

from deepfake_hf.models import SpeechStatisticsConfig, SpeechStatisticsForAudioClassification
from deepfake_hf.models import layers_speech_statistics as layers

RATE = 16_000


def voice_like(num_samples: int, seed: int = 0) -> Tensor:
    """Pulses at 120 Hz through a resonance, with noise: (1, num_samples)."""
    rng = np.random.default_rng(seed)
    pulses = np.zeros(num_samples)
    pulses[:: RATE // 120] = 1.0
    return torch.from_numpy(lfilter([1.0], [1.0, -1.6, 0.8], pulses + rng.normal(0, 0.02, num_samples))).float()[None]


def measure(waveform: Tensor) -> Tensor:
    return layers.speech_statistics(waveform, torch.ones_like(waveform, dtype=torch.bool), RATE)


def test_level_offset_and_polarity_change_nothing() -> None:
    sound = voice_like(2 * RATE)
    plain = measure(sound)
    assert plain.shape == (1, layers.num_statistics())
    for changed in (0.05 * sound, sound + 0.3, -sound):
        torch.testing.assert_close(measure(changed), plain, atol=2e-3, rtol=2e-3)
    other = measure(voice_like(2 * RATE, seed=1) + 0.2 * torch.randn(1, 2 * RATE))
    assert float((other - plain).abs().mean()) > 0.05  # and the sound itself does


@pytest.mark.parametrize("num_samples", [1, 200, 3_000])
def test_short_clips_give_numbers(num_samples: int) -> None:
    found = measure(voice_like(3_000)[:, :num_samples])
    assert found.shape[1] == layers.num_statistics() and bool(found.isfinite().all())
    assert bool(measure(torch.zeros(1, 8_000)).isfinite().all())


def test_the_residual_is_that_of_the_normal_equations() -> None:
    sound = voice_like(960)
    ours = layers._residual(sound, torch.ones_like(sound, dtype=torch.bool))[0, 480:].double().numpy()
    frame = sound[0, 480:].double().numpy() * torch.hann_window(480).double().numpy()
    lags = np.correlate(frame, frame, "full")[479 : 479 + 19]
    lags[0] = lags[0] * 1.0005 + 1e-9
    taps = solve_toeplitz(lags[:-1], lags[1:])
    theirs = lfilter(np.r_[1.0, -taps], 1.0, sound[0, 480 - 18 :].double().numpy())[18:]
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_bands_pass_their_own_tones() -> None:
    kernels = layers.analytic_kernels(RATE)
    for i, hertz in enumerate((290, 750, 1_500, 2_500, 3_500, 4_750, 6_500)):
        tone = torch.sin(2 * torch.pi * hertz * torch.arange(4_000) / RATE)[None, None]
        size = torch.nn.functional.conv1d(tone, kernels).unflatten(1, (2, -1)).square().sum(1).mean(2)[0]
        assert int(size.argmax()) == i


def test_a_mask_with_a_hole_is_refused() -> None:
    model = SpeechStatisticsForAudioClassification(SpeechStatisticsConfig())
    mask = torch.ones(1, 8_000, dtype=torch.int64)
    mask[0, 100] = 0
    with pytest.raises(ValueError, match="pad behind the real samples"):
        model(torch.zeros(1, 8_000), attention_mask=mask)
    with pytest.raises(ValueError, match="waveforms"):
        model(torch.zeros(1, 50, 20))
    with pytest.raises(ValueError, match="16,000 Hz"):
        SpeechStatisticsConfig(sampling_rate=8_000)
