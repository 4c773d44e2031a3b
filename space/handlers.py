"""What the page's events do, as plain functions: a path and a choice in, HTML out."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Protocol

import gradio as gr

from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.types import DetectionResult
from space.cards import EMPTY_CARD, preview, reasons, timeline, verdict_card, voices_table

Report = tuple[str, str, str, str]  # card, table, timeline, reasons
BLANK: Report = (EMPTY_CARD, "", "", "")

_log = logging.getLogger("deepfake_hf.space")
_one_at_a_time = threading.Lock()  # a detector serves one thread, whoever calls


class DetectorLike(Protocol):
    """The part of ``deepfake_hf.Detector`` that the page calls."""

    def detect(
        self, medium: str, *, threshold: str, progress: Callable[[float, str], None] | None
    ) -> DetectionResult: ...

    def operating_points(self) -> Mapping[str, Mapping[str, float]]: ...


def analyse(
    detector: DetectorLike, path: str | None, threshold: str, progress: Callable[[float, str], None] | None = None
) -> Report:
    """Analyse the chosen file.

    Raises:
        gr.Error: No file is chosen, or it could not be analysed; the text is a sentence for a reader.
    """
    if not path:
        raise _told("Choose a file or an example first.")
    name = Path(path).name
    try:
        with _one_at_a_time:
            result = detector.detect(path, threshold=threshold, progress=progress)
    except DeepfakeHFError as error:
        raise _told(escape(_shown(str(error), path, name))) from error
    except Exception as error:
        _log.exception("analysing %s failed", path)
        raise _told(
            f"{escape(name)} could not be analysed because of a fault in the program ({type(error).__name__}). "
            "The terminal that runs this page shows the details. Other files are not affected."
        ) from error
    # The reader knows the file by its name; the folder it was uploaded to is nobody's business.
    result = dataclasses.replace(
        result,
        path=name,
        reason=_shown(result.reason, path, name),
        warnings=tuple(_shown(warning, path, name) for warning in result.warnings),
    )
    points = detector.operating_points()
    return verdict_card(result, name), voices_table(result), timeline(result, points), reasons(result, name)


def choose(path: str | None) -> tuple[str, str, str, str, str]:
    """A file was chosen or taken away: show it, and clear the last report."""
    return (preview(path), *BLANK)


def _told(sentence: str) -> gr.Error:
    """An error that stays on the page until it is closed; the stack trace stays in the terminal."""
    return gr.Error(sentence, duration=None, print_exception=False)


def _shown(text: str, path: str, name: str) -> str:
    return text.replace(path, name).replace(str(Path(path).resolve()), name)
