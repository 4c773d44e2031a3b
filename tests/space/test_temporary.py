"""Files that Gradio forgets are deleted all the same."""

import os
import subprocess
import sys
import time
from pathlib import Path

import gradio as gr
import pytest

from space import temporary


def test_old_files_go_with_their_folders_and_the_pages_own_stay(tmp_path: Path) -> None:
    for name in ("sent/a.mp4", "page/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    time.sleep(0.2)
    (tmp_path / "sent" / "new.mp4").write_bytes(b"x")
    assert temporary.empty(tmp_path, 0.15, {str(tmp_path / "page" / "b.mp4")}) == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["b.mp4", "new.mp4"]
    assert temporary.empty(tmp_path, 0.0, set()) == 2 and not list(tmp_path.iterdir())


def test_gradios_folder_is_emptied_while_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / "sent.mp4").write_bytes(b"x")
    with gr.Blocks() as app:
        gr.HTML("")
    temporary.keep_emptying(app, age_s=0.05, every_s=0.2)
    until = time.monotonic() + 10
    while (tmp_path / "sent.mp4").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not (tmp_path / "sent.mp4").exists()


def test_the_pages_folder_is_its_own_and_gone_at_its_end(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, space.app, gradio.utils; folder = pathlib.Path(gradio.utils.get_upload_folder()); "
        "folder.mkdir(); (folder / 'sent').write_text('x'); print(folder)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path and not folder.exists()
