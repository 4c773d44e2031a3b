"""Past results that were kept on this machine: search, look, delete."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import Any

import gradio as gr

from deepfake_hf.report.words import STATUS, WORDS, score_text
from deepfake_hf.types import Status, Verdict
from space.cards import tag
from space.history import Entry, History
from space.shared import PRIVATE

# Gradio's own events of an HTML component, with the number of the entry whose button was pressed.
_CLICKS = """element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show], [data-delete]");
  if (button) trigger("show" in button.dataset ? "select" : "delete",
    { number: Number(button.dataset.show ?? button.dataset.delete) });
});"""


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
        else f'<span class="dh-wave" aria-hidden="true">{"♪" if entry.kind == "audio" else "▦"}</span>'
    )
    known = entry.verdict in set(Verdict)
    word = WORDS[Verdict(entry.verdict)] if known else STATUS[Status(entry.verdict)]
    score = "" if entry.p_fake is None else f" P(fake) {score_text(entry.p_fake)}"
    day = entry.made_at.replace("T", " ")[:16]
    buttons = "".join(
        f'<button type="button" class="dh-mini" data-{act}="{entry.id}" aria-label="{word} {escape(entry.name)}">{word}'
        "</button>"
        for act, word in (("show", "JSON"), ("delete", "Delete"))
    )
    return (
        f'<article class="dh-example">{drawn}<div><b>{escape(entry.name).replace("_", "_<wbr>")}</b><br>'
        f"{tag(entry.verdict if known else 'none', word)}{escape(score)}<br>"
        f'<span class="dh-small">{escape(day)} UTC</span><p class="dh-minis">{buttons}</p></div></article>'
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
        words = gr.Textbox(label="Search name, reading, day or hash", max_lines=1, elem_id="history-search", scale=5)
        clear = gr.Button("Delete all", elem_id="history-clear", scale=1, min_width=140)
        sure = gr.Button("Yes, delete all", variant="stop", visible=False, elem_id="history-sure", min_width=140)
        keep = gr.Button("Keep them", visible=False, elem_id="history-keep", min_width=140)
    said = gr.HTML("", elem_id="history-said", elem_classes="dh-body")
    shown = gr.HTML("", elem_id="history", elem_classes="dh-body", js_on_load=_CLICKS)
    asked = [said, clear, sure, keep]

    def find(words: str) -> str:
        return entries_html(history.search(words))

    def remove(words: str, event: gr.EventData) -> tuple[str, str]:
        gone = history.delete(int(event.number))
        return _said("Deleted." if gone else "It was deleted before."), find(words)

    def show(event: gr.EventData) -> str:
        found = history.result(int(event.number))
        if found is None:
            return _said("It was deleted before.")
        text = escape(json.dumps(found, indent=2, ensure_ascii=False))
        return f'<pre class="dh-json" tabindex="0" aria-label="The result as JSON">{text}</pre>'

    def show_question(question: bool) -> list[Any]:
        return [gr.update(visible=not question), gr.update(visible=question), gr.update(visible=question)]

    def ask() -> list[Any]:
        count = history.count()
        if not count:
            return [_said("Nothing is kept."), *show_question(False)]
        what = "the one result" if count == 1 else f"all {count} results, also those that the search does not show"
        return [_said(f"This deletes {what}. It can't be undone."), *show_question(True)]

    def keep_all() -> list[Any]:
        return [_said("Nothing was deleted."), *show_question(False)]

    def remove_all() -> list[Any]:
        count = history.clear()
        return [_said(f"Deleted: {count}."), *show_question(False), "", find("")]

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, **PRIVATE}
    words.change(find, words, shown, **quiet)
    shown.select(show, None, said, **quiet)
    shown.delete(remove, words, [said, shown], **quiet)
    clear.click(ask, None, asked, **quiet)
    keep.click(keep_all, None, asked, **quiet)
    sure.click(remove_all, None, [*asked, words, shown], **quiet)
    return lambda tab: tab.select(find, words, shown, **quiet)


def _said(words: str) -> str:
    return f'<p role="status">{escape(words)}</p>'
