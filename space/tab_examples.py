"""The project's own examples: one click, an answer in seconds, labelled with the truth."""

from __future__ import annotations

import base64
import io
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from PIL import Image

from deepfake_hf.errors import MediaError
from deepfake_hf.media import EveryNth, read_frames
from deepfake_hf.synthesis.examples import GENUINE, Example
from deepfake_hf.types import MediaKind
from space.shared import PRIVATE
from space.tab_analyse import Analyse

_KINDS = {MediaKind.VIDEO: "Video", MediaKind.IMAGE: "Picture", MediaKind.AUDIO: "Sound"}
_SIDE_PX = 240


def card(example: Example) -> str:
    """Picture, kind and truth of one example."""
    genuine = example.truth == GENUINE
    truth = "genuine" if genuine else f"fake: {example.truth}"
    picture = _picture(example)
    drawn = (
        f'<img alt="" src="data:image/jpeg;base64,{picture}">'
        if picture
        else '<span class="dh-wave" aria-hidden="true">♪</span>'
    )
    return (
        f'<figure class="dh-example">{drawn}<figcaption><b>{escape(example.title)}</b><br>'
        f'{_KINDS[example.kind]}. Truth: {escape(truth)}<br><span class="dh-small">{escape(example.credit)}</span>'
        "</figcaption></figure>"
    )


def build(examples: list[Example], tabs: gr.Tabs, analyse: Analyse) -> None:
    """Lay out and wire the tab."""
    gr.HTML(
        '<p class="dh-lead">Each genuine file stands beside a fake that this project made of it. The truth is known, '
        "so you can see where the detector is right and where it errs.</p>",
        elem_classes="dh-body",
    )
    with gr.Row(elem_classes="dh-gallery"):
        for example in examples:
            with gr.Column(min_width=260, elem_classes="dh-example-box"):
                gr.HTML(card(example), elem_classes="dh-body")
                label = f"Analyse {_KINDS[example.kind].lower()}, {example.truth}"
                button = gr.Button(label, size="sm", elem_id=f"example-{example.path.stem}")
                take = partial(_take, str(example.path))
                quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
                shown = button.click(take, None, [tabs, analyse.file], queue=False, **quiet)
                shown.then(analyse.begin, analyse.inputs, analyse.outputs, concurrency_limit=None, **quiet)


def _take(path: str) -> tuple[Any, str]:
    return gr.Tabs(selected="analyse"), path


def _picture(example: Example) -> str | None:
    try:
        if example.kind is MediaKind.IMAGE:
            image = Image.open(example.path).convert("RGB")
        elif example.kind is MediaKind.VIDEO:
            image = Image.fromarray(next(iter(read_frames(example.path, EveryNth(1)))).rgb)
        else:
            return None
    except (OSError, MediaError, StopIteration):
        return None
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode()
