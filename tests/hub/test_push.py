"""Pushing against a small Hub on localhost: private, public, cut off and repeated, and fetched back."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepfake_hf.hub.bundle import Bundle
from deepfake_hf.hub.pack import CardFacts, PackOptions, pack
from tests.hub.endpoint import Hub
from tests.tiny_bundle import write_tiny_bundle

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own, because HF_ENDPOINT is read when huggingface_hub is imported.
CODE = """
import json, sys
from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.hub.push import push_bundle
answers = []
for task, source, repository, private in json.loads(sys.argv[1]):
    try:
        done = open_bundle(repository).sha256 if task == "fetch" else push_bundle(source, repository, private=private)
        answers.append(done)
    except DeepfakeHFError as error:
        answers.append(f"refused: {error}")
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    home = tmp_path_factory.mktemp("push")
    options = PackOptions(code=True, facts=CardFacts(licence="apache-2.0"))
    return pack(write_tiny_bundle(home / "tiny"), home / "packed", options)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as served:
        yield served


def start(hub: Hub, home: Path, tasks: list[tuple[str, str, str, bool]], xet: bool = False) -> subprocess.Popen[str]:
    environment: dict[str, Any] = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_TOKEN": "hf_of_the_test",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    arguments = [sys.executable, "-c", CODE, json.dumps(tasks)]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_cut_off_repeated_and_fetched_back(hub: Hub, packed: Bundle, tmp_path: Path) -> None:
    def cut_off(number: int) -> None:
        if number == 2:
            process.kill()

    hub.on_upload = cut_off
    source = str(packed.path)
    process = start(hub, tmp_path, [("push", source, "me/tiny", True)])
    process.communicate(timeout=600)
    assert process.returncode < 0 and hub.private == {"me/tiny": True}
    assert hub.files["me/tiny"] == {}  # nobody sees half a bundle
    arrived = set(hub.objects)

    hub.uploads.clear()
    hub.on_upload = lambda number: None
    broken = tmp_path / "broken"
    shutil.copytree(packed.path, broken)
    (broken / "SHA256SUMS").unlink()
    tasks = [
        ("push", source, "me/tiny", True),
        ("push", source, "me/tiny", True),
        ("fetch", source, "me/tiny", True),
        ("push", source, "me/tiny", False),
        ("push", source, "me/open", False),
        ("push", source, "me/refused", False),
        ("push", str(broken), "me/broken", True),
    ]
    out, err = start(hub, tmp_path, tasks).communicate(timeout=600)
    assert out, err
    first, again, fetched, other_visibility, opened, refused, unchecked = json.loads(out.splitlines()[-1])
    assert "me/tiny/commit" in first and "me/tiny/commit" in again, err
    assert not arrived & set(hub.uploads) and len(set(hub.uploads)) == len(hub.uploads)  # nothing is sent twice
    stored = hub.files["me/tiny"]
    local = {file.relative_to(packed.path).as_posix() for file in packed.path.rglob("*") if file.is_file()}
    assert set(stored) == local
    assert all(content == (packed.path / name).read_bytes() for name, content in stored.items())
    assert fetched == packed.sha256
    assert "is private" in other_visibility
    assert "me/open/commit" in opened and hub.private["me/open"] is False and hub.files["me/open"] == stored
    assert "may not write" in refused and "push again" in refused and hub.files["me/refused"] == {}
    assert "no checksums" in unchecked and "me/broken" not in hub.private


@pytest.mark.skipif(importlib.util.find_spec("hf_xet") is None, reason="hf_xet is not installed: LFS is taken anyway")
def test_where_the_hub_has_no_xet_lfs_is_taken(hub: Hub, packed: Bundle, tmp_path: Path) -> None:
    out, err = start(hub, tmp_path, [("push", str(packed.path), "me/tiny", True)], xet=True).communicate(timeout=600)
    assert out, err
    (address,) = json.loads(out.splitlines()[-1])
    assert "me/tiny/commit" in address and hub.asked_for_xet >= 1, err
    assert hub.uploads and all(
        content == (packed.path / name).read_bytes() for name, content in hub.files["me/tiny"].items()
    )
