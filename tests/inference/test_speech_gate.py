"""The speech gate leaves the process as it was."""

from __future__ import annotations

import subprocess
import sys


def test_loading_the_gate_leaves_the_number_of_threads() -> None:
    """The package sets one thread when it is imported, and the last digits of a score depend on their number."""
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "from deepfake_hf.inference.speech_pass import SpeechGate\n"
        "SpeechGate(); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2"]
