"""What an installation brings, and what the repository must never hold."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "deepfake_hf"
WEIGHTS = PACKAGE / "weights"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK_LINES = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
MAX_WEIGHT_FILE_BYTES = 16 * 1024 * 1024


def locked() -> dict[str, set[str]]:
    """Distribution name → versions pinned for one Python or another."""
    pins: dict[str, set[str]] = {}
    for line in LOCK_LINES:
        name, _, rest = line.partition("==")
        pins.setdefault(name, set()).add(rest.partition(" ")[0])
    return pins


def command() -> Path:
    return Path(sysconfig.get_path("scripts")) / "deepfake-hf"


def test_importing_the_package_leaves_torch_alone() -> None:
    code = "import sys, deepfake_hf; sys.exit(', '.join({'torch', 'cv2', 'gradio'} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_answers_quickly() -> None:
    seconds = []
    for _ in range(3):  # the first may compile bytecode, and the machine may be busy
        start = time.perf_counter()
        done = subprocess.run([command(), "--help"], capture_output=True, text=True, check=False, timeout=60)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
        assert "detect" in done.stdout
    assert min(seconds) < 2.0, seconds


def test_the_version_is_one() -> None:
    from deepfake_hf._version import __version__

    assert importlib.metadata.version("deepfake-hf") == __version__
    assert re.search(rf"^version: {re.escape(__version__)}$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    done = subprocess.run([command(), "--version"], capture_output=True, text=True, check=False, timeout=60)
    assert __version__ in done.stdout


def test_typing_marker_licence_and_terms_are_there() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    terms = (WEIGHTS / "TERMS.md").read_text("utf-8")
    for source in ("DFDC", "LibriSpeech", "CC BY 4.0", "Picovoice", "Mycroft", "ImageNet"):
        assert source in terms


def test_the_lock_is_exact_and_names_no_host_or_path() -> None:
    line_form = re.compile(r"[a-z0-9][a-z0-9-]*==[A-Za-z0-9.+!]+( ; [a-zA-Z0-9_ .'<>=!()]+)?")
    assert LOCK_LINES
    assert [line for line in LOCK_LINES if not line_form.fullmatch(line)] == []
    assert [line for line in LOCK_LINES if "+" in line] == [], "a local version exists on one index only"


def test_the_lock_covers_every_extra_but_those_said_to_be_outside() -> None:
    pins = locked()
    wanted = list(PROJECT["dependencies"])
    for extra, requirements in PROJECT["optional-dependencies"].items():
        wanted += [] if extra in ("mediapipe", "trackers", "remote") else requirements
    names = {re.split(r"[^A-Za-z0-9-]", requirement)[0] for requirement in wanted}
    assert names - pins.keys() == set()
    assert "mediapipe" not in pins


def test_the_lock_has_one_opencv_and_matching_torch_packages() -> None:
    pins = locked()
    assert [name for name in pins if name.startswith("opencv-")] == ["opencv-python"]
    (torch,), (torchaudio,), (torchvision,) = pins["torch"], pins["torchaudio"], pins["torchvision"]
    assert (torch[:5], torchaudio[:5], torchvision[:5]) == ("2.11.", "2.11.", "0.26.")


def test_the_environment_has_one_opencv() -> None:
    names = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
    assert len({name for name in names if name.startswith("opencv-")}) == 1


def test_the_space_asks_for_what_the_project_asks_for() -> None:
    text = (ROOT / "space" / "requirements.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == PROJECT["dependencies"] + PROJECT["optional-dependencies"]["space"]
    assert (ROOT / "space" / "packages.txt").read_text("utf-8").split() == ["libgl1", "libglib2.0-0"]


@pytest.mark.parametrize("path", sorted(p for p in WEIGHTS.rglob("*") if p.is_file()), ids=lambda p: p.name)
def test_weights_are_small_and_hold_no_code(path: Path) -> None:
    assert path.suffix in {".safetensors", ".json", ".md", ".onnx"}
    assert path.suffix != ".onnx" or path.stat().st_size < 500_000  # a graph: its weights are the safetensors'
    assert path.stat().st_size <= MAX_WEIGHT_FILE_BYTES
    with path.open("rb") as file:
        start = file.read(16)
    assert not start.startswith((b"\x80", b"PK\x03\x04")), "a pickle, or a zip as torch.save writes it"
    if path.suffix == ".safetensors":
        assert start[8:9] == b"{"
