"""Pushing against a small Hub on localhost: private, public, cut off and repeated, and fetched back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepfake_hf.hub.bundle import Bundle, open_bundle
from deepfake_hf.hub.pack import CardFacts, PackOptions, pack
from tests.hub.endpoint import Hub
from tests.tiny_bundle import write_tiny_bundle

ROOT = Path(__file__).resolve().parents[2]
# One process, because HF_ENDPOINT is read when huggingface_hub is imported.
CODE = "from deepfake_hf.cli import main; main()"


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    home = tmp_path_factory.mktemp("push")
    options = PackOptions(code=True, facts=CardFacts(licence="apache-2.0"))
    return pack(write_tiny_bundle(home / "tiny"), home / "packed", options)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as served:
        yield served


def start(hub: Hub, home: Path, code: str, *arguments: object) -> subprocess.Popen[str]:
    environment: dict[str, Any] = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": "hf_of_the_test",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def push(hub: Hub, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    process = start(hub, home, CODE, "hub", "push", *arguments)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_cut_off_repeated_and_fetched_back(hub: Hub, packed: Bundle, tmp_path: Path) -> None:
    def cut_off(number: int) -> None:
        if number == 2:
            process.kill()

    hub.on_upload = cut_off
    process = start(hub, tmp_path, CODE, "hub", "push", packed.path, "me/tiny")
    process.communicate(timeout=300)
    assert process.returncode < 0 and hub.private == {"me/tiny": True}
    assert hub.files["me/tiny"] == {}  # nobody sees half a bundle
    arrived = set(hub.objects)

    hub.uploads.clear()
    hub.on_upload = lambda number: None
    done = push(hub, tmp_path, packed.path, "me/tiny")
    assert done.returncode == 0, done.stderr
    assert "me/tiny/commit" in done.stdout and not arrived & set(hub.uploads)
    stored = hub.files["me/tiny"]
    local = {file.relative_to(packed.path).as_posix() for file in packed.path.rglob("*") if file.is_file()}
    assert set(stored) == local
    assert all(content == (packed.path / name).read_bytes() for name, content in stored.items())

    code = "import sys; from deepfake_hf.hub.bundle import open_bundle; print(open_bundle(sys.argv[1]).sha256)"
    out, err = start(hub, tmp_path, code, "me/tiny").communicate(timeout=300)
    assert out.strip() == packed.sha256, err


def test_public_and_never_by_accident(hub: Hub, packed: Bundle, tmp_path: Path) -> None:
    hub.reject = True
    done = push(hub, tmp_path, packed.path, "me/open", "--public")
    assert done.returncode == 2 and "push again" in done.stderr and hub.private == {"me/open": False}
    hub.reject = False
    done = push(hub, tmp_path, packed.path, "me/open")
    assert done.returncode == 2 and "is public" in done.stderr and not hub.files["me/open"]
    done = push(hub, tmp_path, packed.path, "me/open", "--public")
    assert done.returncode == 0 and "detector.json" in hub.files["me/open"], done.stderr


def test_a_broken_bundle_is_not_pushed(hub: Hub, packed: Bundle, tmp_path: Path) -> None:
    broken = pack(open_bundle(packed.path), tmp_path / "broken")
    (broken.path / "SHA256SUMS").unlink()
    done = push(hub, tmp_path, broken.path, "me/broken")
    assert done.returncode == 2 and "no checksums" in done.stderr and hub.private == {}
