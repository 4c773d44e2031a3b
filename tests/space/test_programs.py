"""The page for programs, over HTTP: gradio_client, OpenAPI, MCP, and every limit tried."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from deepfake_hf.media import EveryNth, read_frames
from deepfake_hf.synthesis.examples import Example
from space import app as page
from space.app import build_app, launch
from space.engine import Engine
from space.limits import PageLimits
from space.programs import answer_schema
from tests.space.making import scored_picture, served

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {"detect", "detect_batch", "report", "annotate", "model_card", "limits"}


@pytest.fixture(scope="module")
def address(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with narrow limits (0.4 MB, 6 s, 2 files) that does two analyses at a time."""
    set_ = {"MAX_MB": "0.4", "MAX_MINUTES": "0.1", "MAX_FILES": "2", "CONCURRENCY": "2"}
    limits = PageLimits.from_environment({f"DEEPFAKE_HF_SPACE_{name}": value for name, value in set_.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        app = build_app(Engine(limits), examples)
        yield launch(app, limits, prevent_thread_lock=True)
        app.close()


@pytest.fixture(scope="module")
def client(address: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(address, verbose=False, download_files=str(tmp_path_factory.mktemp("fetched")))


def test_a_picture_is_judged_with_a_typed_result(client: Client, examples: list[Example]) -> None:
    picture = examples[3].path
    result = client.predict(handle_file(str(picture)), api_name="/detect")
    jsonschema.validate(result, answer_schema())
    assert result["status"] == "scored" and 0 <= result["p_fake"] <= 1 and result["file"] == picture.name
    own = client.predict(handle_file(str(picture)), "0.0001", api_name="/detect")
    assert own["verdict"] == "fake" and own["band"]["fake_at"] == 0.0001
    with pytest.raises(AppError, match="neither fpr1, fpr5 nor a probability"):
        client.predict(handle_file(str(picture)), "strict", api_name="/detect")


def test_a_report_and_its_record_come_as_files(client: Client, examples: list[Example]) -> None:
    page, record = client.predict(handle_file(str(examples[3].path)), api_name="/report")
    assert "Report on portrait_self_blended.png" in Path(page).read_text("utf-8")
    assert json.loads(Path(record).read_text("utf-8"))["file"]["name"] == "portrait_self_blended.png"


def test_a_picture_cannot_be_annotated_and_that_is_told(client: Client, examples: list[Example]) -> None:
    with pytest.raises(AppError, match="has no moving picture") as told:
        client.predict(handle_file(str(examples[3].path)), api_name="/annotate")
    assert "/tmp" not in str(told.value)


def test_a_video_is_annotated(client: Client, examples: list[Example]) -> None:
    film = client.predict(handle_file(str(examples[1].path)), api_name="/annotate")
    before, after = (list(read_frames(Path(path), EveryNth(50))) for path in (examples[1].path, film))
    assert Path(film).name == "portrait_filmed_self_blended.annotated.mp4" and len(after) == len(before) == 3
    assert after[0].rgb.shape[1] == before[0].rgb.shape[1] and not np.array_equal(after[0].rgb, before[0].rgb)


def test_two_at_once_get_their_own(address: str, client: Client, examples: list[Example]) -> None:
    paths = [str(examples[place].path) for place in (2, 3)]
    alone = [client.predict(handle_file(path), api_name="/detect") for path in paths]
    calls = [client.submit(handle_file(path), api_name="/detect") for path in paths * 2]
    for call, known in zip(calls, alone * 2, strict=True):
        found = call.result(timeout=300)
        assert found["file"] == known["file"] and found["p_fake"] == pytest.approx(known["p_fake"], abs=1e-4)


def test_uploads_and_what_was_made_of_them_go_after_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: list[Example]
) -> None:
    monkeypatch.setattr(page, "_SWEEP_S", 1)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    engine, _ = served(scored_picture(), keep_minutes=1 / 60)
    app = build_app(engine, [])
    try:
        own = Client(launch(app, engine.limits, prevent_thread_lock=True), verbose=False, download_files=str(tmp_path))
        own.predict(handle_file(str(examples[3].path)), api_name="/detect")
        uploads = tmp_path / "gradio"
        deadline = time.monotonic() + 30
        while list(uploads.rglob("*.png")) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert uploads.is_dir() and not list(uploads.rglob("*.png"))
    finally:
        app.close()


def test_a_batch_goes_on_after_a_broken_file(client: Client, examples: list[Example], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    found = client.predict([handle_file(str(examples[2].path)), handle_file(str(broken))], api_name="/detect_batch")
    assert [item["status"] for item in found] == ["scored", "unreadable"] and found[1]["file"] == "broken.png"
    with pytest.raises(AppError, match="a batch may hold 2"):
        client.predict([handle_file(str(examples[2].path))] * 3, api_name="/detect_batch")


def test_size_and_length_are_limited(client: Client, examples: list[Example], tmp_path: Path) -> None:
    long, large = tmp_path / "long.wav", tmp_path / "large.wav"
    for path, seconds in ((long, 7), (large, 20)):
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(bytes(32_000 * seconds))
    found = client.predict(handle_file(str(long)), api_name="/detect")
    assert found["status"] == "unsupported" and "over the limit of 6 s" in found["reason"]
    with pytest.raises(Exception, match=r"413|[Tt]oo large|max"):
        client.predict(handle_file(str(large)), api_name="/detect")


def test_files_of_the_server_cannot_be_read(address: str) -> None:
    asked = {"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "fpr1"]}
    call = f"{address}gradio_api/call/detect"
    request = urllib.request.Request(call, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{call}/{event}", timeout=60) as answer:
        said = answer.read().decode()
    assert "event: error" in said and "root:" not in said and "status" not in said
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{address}gradio_api/file=/etc/passwd", timeout=20)


def test_card_and_limits_are_told(client: Client) -> None:
    assert "deepfake" in client.predict(api_name="/model_card").lower()
    assert client.predict(api_name="/limits")["DEEPFAKE_HF_SPACE_MAX_FILES"] == 2


def test_openapi_is_served_and_names_the_endpoints(address: str) -> None:
    with urllib.request.urlopen(f"{address}gradio_api/openapi.json", timeout=60) as answer:
        paths = json.load(answer)["paths"]
    assert {path.rsplit("/", 1)[-1] for path in paths if "/call/" in path} >= TOOLS


def test_a_typed_schema_has_no_references() -> None:
    text = json.dumps(answer_schema())
    assert "$ref" not in text and '"face_too_small"' in text


def test_mcp_offers_the_useful_tools_only_and_answers(address: str, examples: list[Example]) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    # Gradio fetches no address of this machine for a tool (it could be made to read others' services): the file itself.
    example = f"data:image/png;base64,{base64.b64encode(examples[3].path.read_bytes()).decode()}"

    async def visit() -> tuple[set[str], str, str]:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            held = await session.call_tool("limits", {})
            found = await session.call_tool("detect", {"file": example, "threshold": "fpr5"})
            return {tool.name for tool in tools if tool.description}, str(held.content), found.content[0].text

    names, held, found = asyncio.run(visit())
    assert names == TOOLS and "DEEPFAKE_HF_SPACE_MAX_FILES" in held
    assert all(said in found for said in ("status", "scored", "fpr5"))


@pytest.mark.slow
def test_the_command_starts_the_page(examples: list[Example]) -> None:
    environment = os.environ | {"DEEPFAKE_HF_CACHE": str(examples[0].path.parents[2]), "PYTHONPATH": str(ROOT)}
    code = "from deepfake_hf.cli import main; main()"
    command = [sys.executable, "-c", code, "space", "--port", "7953", "--auth", "anna:secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", env=environment) as started:
        try:
            assert started.stdout is not None
            # Gradio's MCP server may say something of its own first
            assert any("The page is at http://127.0.0.1:7953" in line for line in started.stdout)
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen("http://127.0.0.1:7953/config", timeout=60)
            client = Client("http://127.0.0.1:7953", auth=("anna", "secret"), verbose=False)
            assert client.predict(api_name="/limits")["DEEPFAKE_HF_SPACE_MAX_MB"] == 500
        finally:
            started.terminate()
