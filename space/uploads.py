"""Uploads are deleted when their visitor leaves or takes another file; only those in Gradio's own folder."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from pathlib import Path

from gradio.utils import get_upload_folder


class Uploads:
    """By session the files that it holds. Two sessions with the same content share one file, which goes with both."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, float]] = defaultdict(dict)
        self._guard = threading.Lock()

    def hold(self, session: str, paths: list[str]) -> None:
        """These and no others are held from now on."""
        with self._guard:
            earlier = self._held.pop(session, {})
            if paths:
                self._held[session] = {path: earlier.get(path, _changed(path)) for path in paths}
            self._delete(earlier)

    def leave(self, session: str) -> None:
        """The visitor has gone."""
        self.hold(session, [])

    def _delete(self, paths: dict[str, float]) -> None:
        still = {path for held in self._held.values() for path in held}
        root = Path(get_upload_folder()).resolve()
        for path, changed in paths.items():
            file = Path(path).resolve()
            # Somebody else may just have uploaded the same content again: then the file is newer, and theirs.
            if path in still or root not in file.parents or _changed(path) > changed:
                continue
            with contextlib.suppress(OSError):
                file.unlink()
                file.parent.rmdir()


def _changed(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0
