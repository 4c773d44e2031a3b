"""The statistics of speech: what must not change them, and parts against a second library."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("two_sided", [False, True])
def test_the_head_sees_what_the_configuration_says(soft: bool, two_sided: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = SpeechStatisticsConfig(limit=1.5, soft=soft, two_sided=two_sided)
    model = SpeechStatisticsForAudioClassification(config).eval()
    model.spread.uniform_(0.5, 2.0)
    sound = voice_like(RATE)
    with torch.inference_mode():
        raw = model.measure(sound)
        z = (raw - model.centre) / model.spread
        standard = 1.5 * torch.tanh(z / 1.5) if soft else z.clamp(-1.5, 1.5)
        seen = torch.cat((standard, standard.abs()), 1) if two_sided else standard
        expected = seen @ model.classifier.weight.T + model.classifier.bias
        logits = model(sound).logits
        torch.testing.assert_close(logits, expected)
        shares = model.shares(raw)
    assert shares.shape == (1, layers.num_statistics()) and seen.shape[1] == model.classifier.in_features
    bias = float((model.classifier.bias[1] - model.classifier.bias[0]).detach())
    assert float(shares.sum()) + bias == pytest.approx(float(logits[0, 1] - logits[0, 0]), abs=1e-3)
    model.save_pretrained(tmp_path)
    again = SpeechStatisticsForAudioClassification.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        assert torch.equal(again(sound).logits, logits)


def test_a_configuration_without_the_new_keys_is_the_old_model() -> None:
    old = SpeechStatisticsConfig.from_dict(
        {"limit": 5.0, "sampling_rate": RATE, "id2label": {0: "real", 1: "fake"}, "label2id": {"real": 0, "fake": 1}}
    )
    model = SpeechStatisticsForAudioClassification(old)
    assert model.classifier.in_features == layers.num_statistics()
    far = torch.full((1, layers.num_statistics()), 9.0)
    assert float(model.standardise(far).detach().max()) == 5.0


def test_a_short_head_is_kept_and_leaves_the_logits_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = SpeechStatisticsForAudioClassification(SpeechStatisticsConfig(soft=True)).eval()
    model = SpeechStatisticsForAudioClassification(SpeechStatisticsConfig(soft=True, short_head=True)).eval()
    model.load_state_dict(plain.state_dict(), strict=False)
    model.save_pretrained(tmp_path)
    again = SpeechStatisticsForAudioClassification.from_pretrained(tmp_path).eval()
    sound, spans = voice_like(2 * RATE), torch.tensor([[0, RATE], [RATE // 2, 3 * RATE // 2]])
    with torch.inference_mode():
        (logits, none), (with_it, short), (_, loaded) = (one.along(sound, spans) for one in (plain, model, again))
        assert torch.equal(logits, with_it)
        torch.testing.assert_close(short, loaded)  # loaded weights lie otherwise in memory
        assert not none.any() and short.shape == (2,) and bool(short.abs().min() > 0)
