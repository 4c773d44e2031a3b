"""Deploying the page: what is laid out, and a push against a small Hub on localhost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from deepfake_hf.errors import UsageError
from deepfake_hf.hub.push_space import pinned, stage_space
from tests.hub.endpoint import Hub

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage_space(ROOT, tmp_path_factory.mktemp("space"))


def test_the_layout_is_what_a_space_needs(staged: Path) -> None:
    front = yaml.safe_load((staged / "README.md").read_text("utf-8").split("---")[1])
    assert front["sdk"] == "gradio" and (staged / front["app_file"]).is_file()
    lines = (staged / "requirements.txt").read_text("utf-8").splitlines()
    (wheel,) = staged.glob("*.whl")
    assert lines[-1] == f"./{wheel.name}"
    assert all(re.match(r"[a-z0-9-]+==[^ ]+", line) for line in lines[:-1]) and len(lines) > 20
    pin = next(line for line in lines if line.startswith("gradio=="))
    assert front["sdk_version"] == pin.partition("==")[2]
    assert (
        not list(staged.rglob("__pycache__"))
        and (staged / "packages.txt").read_text("utf-8") == "libgl1\nlibglib2.0-0\n"
    )


def test_the_wheel_brings_package_weights_and_page(staged: Path) -> None:
    (wheel,) = staged.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"deepfake_hf/detector.py", "deepfake_hf/weights/detector.json", "deepfake_hf/_page/space/app.py"} <= names
    assert "deepfake_hf/_page/space/style.css" in names and "deepfake_hf/report/sections.html.jinja" in names


def test_a_requirement_without_a_pin_is_told() -> None:
    assert pinned(["# a note", "", "torch==2.11.*"], ["torch==2.11.0 ; python_version < '4'"]) == [
        "torch==2.11.0 ; python_version < '4'"
    ]
    with pytest.raises(UsageError, match="ghost has no pin"):
        pinned(["ghost>=1"], ["torch==2.11.0"])
    with pytest.raises(UsageError, match="no checkout"):
        stage_space(Path("/"), Path("/tmp/never"))


def test_a_push_arrives_whole_and_private(staged: Path, tmp_path: Path) -> None:
    with Hub() as hub:
        environment = os.environ | {
            "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_of_the_test", "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT), "STAGED": str(staged),
        }  # fmt: skip
        code = """
import json, os
from pathlib import Path
from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.hub.push_space import push_space
said = []
for name, private in (("anna/page", True), ("anna/page", True), ("anna/page", False), ("no name", True)):
    try:
        said.append(push_space(Path(os.environ["STAGED"]), name, private=private))
    except DeepfakeHFError as error:
        said.append(str(error))
print(json.dumps(said))
"""
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=240
        )
        first, again, public, nameless = json.loads(done.stdout.splitlines()[-1])
        assert first.startswith(hub.address) and again.startswith(hub.address)
        assert "a push to a public repository was asked for" in public and "Name it owner/name" in nameless
        assert hub.private == {"anna/page": True} and hub.kinds == {"anna/page": "space"}
        sent = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
        assert set(hub.files["anna/page"]) == sent
        (wheel,) = (name for name in sent if name.endswith(".whl"))
        assert hub.files["anna/page"][wheel] == (staged / wheel).read_bytes()
        assert len(hub.uploads) == 1  # the second push sent nothing anew
