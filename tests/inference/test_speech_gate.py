"""The speech gate: what the package's own loop says, in any blocks, and a process left as it was."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch

from deepfake_hf.inference.speech_gate import GATE_CHUNK, GATE_RATE, SpeechGate
from deepfake_hf.synthesis.examples import speech_pair


def test_loading_the_gate_leaves_the_number_of_threads() -> None:
    """The package sets one thread when it is imported, and the last digits of a score depend on their number."""
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "from deepfake_hf.inference.speech_gate import SpeechGate\n"
        "SpeechGate(); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2"]


def test_the_gate_says_what_the_package_says() -> None:
    from silero_vad import load_silero_vad

    threads = torch.get_num_threads()
    speech = speech_pair()[0]
    quiet = np.random.default_rng(0).normal(0, 1e-3, GATE_RATE).astype(np.float32)
    sound = np.concatenate((speech[: 4 * GATE_RATE], quiet, speech[4 * GATE_RATE : 7 * GATE_RATE]))
    sound = sound[: len(sound) // GATE_CHUNK * GATE_CHUNK]
    net = load_silero_vad()
    with torch.inference_mode():
        wanted = [float(net(chunk, GATE_RATE)) for chunk in torch.from_numpy(sound).reshape(-1, GATE_CHUNK)]
    torch.set_num_threads(threads)
    found = SpeechGate().feed(sound)
    assert found.tolist() == [value >= 0.5 for value in wanted]
    assert found.any() and not found.all()


def test_blocks_change_nothing() -> None:
    sound = speech_pair()[0][: 3 * GATE_RATE]
    gate = SpeechGate()
    parts = [gate.feed(part) for part in np.split(sound, [100, 700, 701, 20_000])]
    assert np.concatenate(parts).tolist() == SpeechGate().feed(sound).tolist()
