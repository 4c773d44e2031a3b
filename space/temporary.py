"""The folder where Gradio stores files, and its emptying: Gradio itself forgets those that programs send by MCP."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr


def own_folder() -> str:
    """A folder of this process alone, gone when it ends."""
    folder = Path(tempfile.gettempdir()) / f"deepfake_hf_page_{os.getpid()}"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(folder)


def empty(folder: Path, age_s: float, kept: set[str]) -> int:
    """Delete files that nobody has touched for ``age_s`` seconds, and folders that this leaves empty; their number."""
    deleted = 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds comes before it
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            elif str(path) not in kept and time.time() - path.lstat().st_ctime > age_s:
                path.unlink()
                deleted += 1
    return deleted


def keep_emptying(app: gr.Blocks, age_s: float, every_s: float) -> None:
    """Call :func:`empty` on Gradio's folder from now on; files that belong to the page itself stay.

    A folder that was named by ``GRADIO_TEMP_DIR`` is emptied likewise: name one that nothing else uses.
    """
    folder = Path(os.environ["GRADIO_TEMP_DIR"])

    def run() -> None:
        while True:
            time.sleep(every_s)
            kept = {str(path) for block in app.blocks.values() for path in getattr(block, "keep_in_cache", ())}
            empty(folder, age_s, kept)

    threading.Thread(target=run, daemon=True, name="deepfake_hf page files").start()
