"""What the first verdict waits for: no torch for a picture or a silent video, and the runtime says so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from deepfake_hf.detector import Detector
from deepfake_hf.inference import device
from deepfake_hf.inference.threads import num_threads, set_num_threads
from deepfake_hf.synthesis.examples import Example

_HEAVY = ("torch", "transformers", "timm", "scipy.signal", "sklearn", "pandas", "matplotlib", "huggingface_hub")
_CODE = """
import json, sys
from deepfake_hf import Detector
detector = Detector.from_pretrained(device="cpu")
answers = [detector.detect(path) for path in sys.argv[2:]]
print(json.dumps({
    "loaded": [name for name in sys.argv[1].split() if name in sys.modules],
    "runtime": detector.runtime,
    "answers": [[answer.kind, answer.verdict, answer.p_fake, answer.branches[0].weights] for answer in answers],
}))
"""


@pytest.mark.slow
def test_pictures_and_silent_video_need_no_torch(example_files: list[Example]) -> None:
    paths = [example.path for example in example_files if example.kind.value in ("image", "video")]
    command = [sys.executable, "-c", _CODE, " ".join(_HEAVY), *map(str, paths)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["loaded"] == [] and found["runtime"] == "onnx (face float32)"
    assert {kind for kind, *_ in found["answers"]} == {"image", "video"}
    in_torch = Detector.from_pretrained(device="cpu", runtime="torch")
    assert in_torch.runtime == "torch"
    for path, (_, verdict, p_fake, weights) in zip(paths, found["answers"], strict=True):
        wanted = in_torch.detect(path)
        assert wanted.verdict is not None and verdict == wanted.verdict.value
        assert p_fake == pytest.approx(wanted.p_fake, abs=1e-5)
        assert weights == f"{wanted.branches[0].weights} onnx (face float32)"


def test_devices_are_found_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(name: str | None = None) -> torch.device:
        raise LookupError(name)

    monkeypatch.setattr(device, "choose_device", asked)
    monkeypatch.setattr(device, "_may_have_gpu", lambda: False)
    assert [device.name_of_device(name) for name in (None, "auto", "cpu")] == ["cpu"] * 3
    for name in ("cuda", "mps"):
        with pytest.raises(LookupError, match=name):
            device.name_of_device(name)
    monkeypatch.setattr(device, "_may_have_gpu", lambda: True)
    assert device.name_of_device("cpu") == "cpu"
    with pytest.raises(LookupError):
        device.name_of_device(None)


def test_threads_with_and_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
    try:
        set_num_threads(2)
        assert torch.get_num_threads() == num_threads() == 2
        monkeypatch.delitem(sys.modules, "torch")
        assert num_threads() == 2  # what torch will read
        monkeypatch.setenv("OMP_NUM_THREADS", "3,1")
        assert num_threads() == 3
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert num_threads() >= 1
    finally:
        torch.set_num_threads(before)
