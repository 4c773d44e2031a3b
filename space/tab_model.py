"""Which weights, which operating point, which share of fakes; and what was measured of the weights."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake_hf.errors import UsageError
from deepfake_hf.scoring.decision import parse_threshold
from space.cards import told_card
from space.engine import Choice, told
from space.limits import is_public
from space.model_figures import figures_table
from space.shared import OPERATING_POINTS, PRIVATE, Settings, Shared
from space.tab_analyse import Analyse, settings_line

BOX, FOLDER, HUB = "box", "folder", "hub"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def settings_of(source: str, name: str, point: str, own: float | None, percent: float) -> Settings:
    """What a visitor chose.

    Raises:
        UsageError: A name or a number that can't be used.
    """
    name = name.strip()
    bundle: str | None = None
    if source == FOLDER:
        if is_public():
            raise UsageError("a local folder", "this page runs on another machine", "give a Hub id")
        if not name or not Path(name).expanduser().is_dir():
            raise UsageError(f"the folder {name!r}", "it is not there", "name a folder that hub pack has made")
        bundle = str(Path(name).expanduser())
    elif source == HUB:
        if not _HUB_ID.fullmatch(name):
            raise UsageError(f"the Hub id {name!r}", "it is not owner/name", "write it as the Hub shows it")
        bundle = name
    threshold = parse_threshold(own if point == "own" else point)
    return Settings(Choice(str(threshold), bundle), percent / 100)


def use(shared: Shared, source: str, name: str, point: str, own: float | None, percent: float) -> tuple[Any, ...]:
    """Load the weights and show what is known of them: settings, line, figures, card."""
    try:
        settings = settings_of(source, name, point, own, percent)
        figures, card = show(shared, settings)
    except Exception as error:
        return gr.skip(), gr.skip(), told_card(told(error, "")), gr.skip()
    return settings, settings_line(settings), figures, card


def show(shared: Shared, settings: Settings) -> tuple[str, str]:
    """Figures and card of the weights that were chosen; loads them where they are not yet, else never waits."""
    detector = shared.engine.known(settings.choice.bundle)
    if detector is None:
        with shared.engine.lent(settings.choice.bundle) as detector:
            pass
    figures = figures_table(detector, settings.choice.threshold, settings.prevalence)
    label = detector.bundle.label
    return f"<h3>In force: {escape(label)}</h3>{figures}", _card(detector.bundle.path, label)


def build(shared: Shared, analyse: Analyse, tab: gr.Tab) -> None:
    """Lay out and wire the tab."""
    assert shared.settings is not None
    sources = [("In the box", BOX), ("Local folder", FOLDER), ("Hub id", HUB)]
    if is_public():
        sources.pop(1)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            source = gr.Radio(sources, value=BOX, label="Weights", elem_id="source")
            name = gr.Textbox(label="Folder or owner/name", visible=False, max_lines=1, elem_id="bundle-name")
            point = gr.Radio(OPERATING_POINTS, value="fpr1", label="Operating point: how strict", elem_id="threshold")
            own = gr.Number(0.9, label="Fake from P(fake)", minimum=0.01, maximum=0.99, step=0.01, visible=False)
            percent = gr.Slider(
                0.1, 50, 5, step=0.1, label="Fakes among 100 files that you look at", elem_id="prevalence"
            )
            go = gr.Button("Use these", variant="primary", elem_id="use")
        with gr.Column(scale=6, min_width=300):
            figures = gr.HTML(
                '<section class="dh-card dh-empty"><p>Loading what was measured.</p></section>',
                elem_id="figures", elem_classes="dh-body",
            )  # fmt: skip
    with gr.Accordion("Model card: data, figures, limits", open=False):
        card = gr.Markdown("", elem_id="model-card", sanitize_html=True)
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, **PRIVATE}
    source.change(lambda chosen: gr.update(visible=chosen != BOX), source, name, **quiet)
    point.change(lambda chosen: gr.update(visible=chosen == "own"), point, own, **quiet)

    def chosen(*values: Any) -> tuple[Any, ...]:
        return use(shared, *values)

    def shown(settings: Settings) -> tuple[str, str]:
        return show(shared, settings)

    inputs = [source, name, point, own, percent]
    go.click(
        chosen, inputs, [shared.settings, analyse.line, figures, card], show_progress="minimal",
        show_progress_on=figures, concurrency_limit=None, **PRIVATE,
    )  # fmt: skip
    tab.select(shown, shared.settings, [figures, card], concurrency_limit=None, show_progress="hidden", **PRIVATE)


def _card(folder: Path, label: str) -> str:
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except OSError:
        return f"{label} brings no card."
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
