"""A camera or a microphone, judged while it runs."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from space.cards import told_card
from space.engine import told
from space.live import LiveRoom, plot_html, words_html
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


def sound(room: LiveRoom, block: tuple[int, NDArray[Any]] | None, settings: Settings, name: str) -> tuple[str, str]:
    """One block of sound: the words, the moving plot."""
    if block is None or not len(block[1]):
        return gr.skip(), gr.skip()  # type: ignore[return-value]
    try:
        result, session = room.push_sound(name, *block, settings.choice.threshold)
    except Exception as error:
        return told_card(told(error, "live")), ""
    return words_html(session, result), plot_html(session, session.touched - session.started)


def build(shared: Shared, room: LiveRoom) -> None:
    """Lay out and wire the tab."""
    limits = shared.engine.limits
    gr.HTML(
        "<p>Frames and sound go to the machine that runs this page and are not kept. Green and a tick: real; red and "
        "a triangle: fake; grey: uncertain, or no verdict with its reason. A live reading rests on the last two "
        f"seconds and errs more often than a whole file's. A stream that sends nothing for {limits.idle_seconds:g} s "
        f"ends; {limits.live_sessions} can run at a time.</p>",
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
            voice = gr.Audio(
                sources=["microphone"], streaming=True, type="numpy", label="Microphone", elem_id="microphone"
            )
            heard = gr.HTML(_WAITING.format("Press Record and speak."), elem_id="live-heard", elem_classes="dh-body")
            waves = gr.HTML("", elem_id="live-sound-plot", elem_classes="dh-body")

    def on_frame(rgb: NDArray[np.uint8] | None, settings: Settings, request: gr.Request) -> tuple[Any, str, str]:
        return frame(room, rgb, settings, f"{session_of(request)}/camera")

    def on_sound(block: tuple[int, NDArray[Any]] | None, settings: Settings, request: gr.Request) -> tuple[str, str]:
        return sound(room, block, settings, f"{session_of(request)}/sound")

    def off(request: gr.Request) -> None:
        for kind in ("camera", "sound"):
            room.end(f"{session_of(request)}/{kind}")

    many = 2 * limits.live_sessions  # one over the places, so that a refusal is said and not queued
    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    camera.stream(
        on_frame, [camera, shared.settings], [seen, words, plot], stream_every=0.15, time_limit=_MOST_S,
        concurrency_limit=many, **quiet,
    )  # fmt: skip
    voice.stream(
        on_sound, [voice, shared.settings], [heard, waves], stream_every=0.5, time_limit=_MOST_S,
        concurrency_limit=many, **quiet,
    )  # fmt: skip
    camera.clear(off, queue=False, **quiet)
    voice.stop_recording(off, queue=False, **quiet)
