"""Past results that were kept on this machine: search, look, delete."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import Any

import gradio as gr

from deepfake_hf.report.words import STATUS, WORDS, score_text
from deepfake_hf.types import Status, Verdict
from space.history import Entry, History
from space.shared import PRIVATE


def entries_html(entries: list[Entry]) -> str:
    """One card each."""
    if not entries:
        return '<section class="dh-card dh-empty"><p>Nothing is kept, or nothing fits the search.</p></section>'
    return f'<div class="dh-past">{"".join(_entry(entry) for entry in entries)}</div>'


def _entry(entry: Entry) -> str:
    image = base64.b64encode(entry.picture).decode() if entry.picture else ""
    drawn = (
        f'<img alt="" src="data:image/jpeg;base64,{image}">'
        if image
        else '<span class="dh-wave" aria-hidden="true">♪</span>'
    )
    known = entry.verdict in set(Verdict)
    word = WORDS[Verdict(entry.verdict)] if known else STATUS[Status(entry.verdict)]
    kind = entry.verdict if known else "none"
    score = "" if entry.p_fake is None else f", P(fake) {score_text(entry.p_fake)}"
    day = entry.made_at.replace("T", " ")[:16]
    return (
        f'<article class="dh-example">{drawn}<div><b>{escape(entry.name)}</b><br>'
        f'<span class="dh-tag dh-{kind}">{escape(word)}</span>{escape(score)}<br>'
        f'<span class="dh-small">No. {entry.id}, {escape(day)} UTC</span></div></article>'
    )


def build(history: History) -> Any:
    """Lay out and wire the tab; gives what shows it afresh."""
    gr.HTML(
        f"<p>Only results that you asked to keep, with one small picture each, in "
        f"<code>{escape(str(history.path))}</code>. "
        "Never the files themselves. What is deleted here is overwritten in that file.</p>",
        elem_classes="dh-body",
    )
    with gr.Row(elem_classes="dh-tools"):
        words = gr.Textbox(label="Search name, reading, day or hash", max_lines=1, elem_id="history-search", scale=3)
        number = gr.Number(label="No.", precision=0, elem_id="history-number", scale=1, minimum=0)
        look = gr.Button("Show its JSON", elem_id="history-look", scale=1)
        delete = gr.Button("Delete it", elem_id="history-delete", scale=1)
        clear = gr.Button("Delete all", variant="stop", elem_id="history-clear", scale=1)
    said = gr.HTML("", elem_id="history-said", elem_classes="dh-body")
    shown = gr.HTML("", elem_id="history", elem_classes="dh-body")

    def find(words: str) -> str:
        return entries_html(history.search(words))

    def remove(number: float | None, words: str) -> tuple[str, str]:
        gone = number is not None and history.delete(int(number))
        return ("Deleted." if gone else "There is no result with that number."), find(words)

    def show(number: float | None) -> str:
        found = None if number is None else history.result(int(number))
        if found is None:
            return "There is no result with that number."
        return f'<pre class="dh-json" tabindex="0">{escape(json.dumps(found, indent=2, ensure_ascii=False))}</pre>'

    def remove_all() -> tuple[str, str]:
        history.clear()
        return "All deleted.", find("")

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, **PRIVATE}
    words.change(find, words, shown, **quiet)
    look.click(show, number, said, **quiet)
    delete.click(remove, [number, words], [said, shown], **quiet)
    clear.click(remove_all, None, [said, shown], **quiet)
    return lambda tab: tab.select(find, words, shown, **quiet)
