"""A camera or a microphone, judged while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from deepfake_hf.inference.live import RUNNING_S, SLOW_S
from deepfake_hf.inference.session import MEMORY_S
from space.cards import told_card
from space.engine import told
from space.live import LiveRoom, plot_html, words_html
from space.microphone import SCRIPT, recorder, samples_of
from space.shared import PRIVATE, Settings, Shared, session_of

_MOST_S = 600  # one stream; then the visitor starts anew
_WAITING = '<section class="dh-card dh-empty" data-state="empty"><p>{}</p></section>'


def frame(room: LiveRoom, rgb: NDArray[np.uint8] | None, settings: Settings, name: str) -> tuple[Any, str, str]:
    """One frame: the picture with boxes, the words, the moving plot."""
    if rgb is None:
        return gr.skip(), gr.skip(), gr.skip()  # type: ignore[return-value]
    try:
        drawn, session = room.push_frame(name, rgb, settings.choice.threshold)
    except Exception as error:
        return gr.skip(), told_card(told(error, "live")), ""  # type: ignore[return-value]
    return drawn, words_html(session, None), plot_html(session, session.touched - session.started)


def sound(room: LiveRoom, piece: Mapping[str, Any], settings: Settings, name: str) -> tuple[str, str]:
    """One piece of sound, the first of which begins a stream: the words, the moving plot."""
    number = piece.get("piece") if isinstance(piece.get("piece"), int) else 0
    if number == 0:
        room.end(name)
    try:
        samples = samples_of(piece.get("rate"), piece.get("pcm"))
        result, session = room.push_sound(name, piece["rate"], samples, settings.choice.threshold)
    except Exception as error:
        return _numbered(told_card(told(error, "live")), number), ""
    words = _numbered(words_html(session, result), number)
    return words, plot_html(session, session.touched - session.started)


def _numbered(card: str, number: Any) -> str:
    """With the piece's number, by which the page knows that it was judged."""
    return f'<div data-piece="{number:d}">{card}</div>'


def build(shared: Shared, room: LiveRoom) -> None:
    """Lay out and wire the tab."""
    limits = shared.engine.limits
    gr.HTML(
        "<p>Frames and sound go to the machine that runs this page and are not kept. Green and a tick: real; red and "
        "a triangle: fake; grey: uncertain, or no verdict with its reason. A live reading errs more often than a whole "
        f"file's: one of a face rests on its last {RUNNING_S:g} s (up to {SLOW_S:g} s on a slow machine), one of sound "
        f"on the last {MEMORY_S:g} s. A stream that sends nothing for {limits.idle_seconds:g} s ends; "
        f"{limits.live_sessions} can run at a time.</p>",
        elem_classes="dh-body",
    )
    with gr.Tabs():
        with gr.Tab("Camera", id="camera"):
            with gr.Row(equal_height=False):
                with gr.Column(min_width=280):
                    camera = gr.Image(
                        sources=["webcam"], streaming=True, type="numpy", label="Camera", format="jpeg",
                        height="22.5rem", elem_id="camera", webcam_options=gr.WebcamOptions(mirror=False),
                    )  # fmt: skip
                with gr.Column(min_width=280):
                    seen = gr.Image(
                        label="With readings", streaming=True, interactive=False, format="jpeg", height="22.5rem",
                        elem_id="live-picture", buttons=[],
                    )  # fmt: skip
            words = gr.HTML(
                _WAITING.format("Press Record below the camera."), elem_id="live-words", elem_classes="dh-body"
            )
            plot = gr.HTML("", elem_id="live-plot", elem_classes="dh-body")
        with gr.Tab("Microphone", id="microphone"):
            voice = gr.HTML(
                recorder(_MOST_S), elem_id="microphone", elem_classes="dh-body", js_on_load=SCRIPT, padding=False
            )
            heard = gr.HTML(_WAITING.format("Press Record and speak."), elem_id="live-heard", elem_classes="dh-body")
            waves = gr.HTML("", elem_id="live-sound-plot", elem_classes="dh-body")

    def on_frame(rgb: NDArray[np.uint8] | None, settings: Settings, request: gr.Request) -> tuple[Any, str, str]:
        return frame(room, rgb, settings, f"{session_of(request)}/camera")

    def on_sound(settings: Settings, event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        return sound(room, event._data or {}, settings, f"{session_of(request)}/sound")

    def camera_off(request: gr.Request) -> None:
        room.end(f"{session_of(request)}/camera")

    def voice_off(request: gr.Request) -> None:
        room.end(f"{session_of(request)}/sound")

    many = 2 * limits.live_sessions  # one over the places, so that a refusal is said and not queued
    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    camera.stream(
        on_frame, [camera, shared.settings], [seen, words, plot], stream_every=0.15, time_limit=_MOST_S,
        concurrency_limit=many, **quiet,
    )  # fmt: skip
    voice.input(on_sound, shared.settings, [heard, waves], trigger_mode="multiple", concurrency_limit=many, **quiet)
    camera.clear(camera_off, queue=False, **quiet)
    voice.stop(voice_off, queue=False, **quiet)
