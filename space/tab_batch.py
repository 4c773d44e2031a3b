"""Many files at once: a table that fills, failures with their reasons, and downloads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from space import cards
from space.batch import HEAD, Row, unpack, write_rows
from space.engine import Workshop, told
from space.jobs import Cancelled, Job
from space.shared import PRIVATE, Settings, Shared, close_workshop, new_workshop, session_of
from space.tab_analyse import CANCELLED


def work(shared: Shared, paths: list[str], settings: Settings, workshop: Workshop, job: Job) -> list[Row]:
    """Every file in turn; a broken one stops nothing. Rows stand in ``job.found`` as they come."""
    rows: list[Row] = []
    job.found = rows
    files = unpack(paths, workshop.path, shared.engine.limits)
    for place, (path, name) in enumerate(files):

        def tell(share: float, what: str, place: int = place, name: str = name) -> None:
            job.tell((place + share) / len(files), f"{name} ({place + 1} of {len(files)}): {what}")

        tell(0.0, "starting")
        try:
            result = shared.engine.detect(path, settings.choice, tell)
            rows.append(Row(name, dataclasses.replace(result, path=name)))
        except Cancelled:
            raise
        except Exception as error:
            rows.append(Row(name, None, told(error, path)))
    return rows


def batch(
    shared: Shared, paths: list[str] | None, settings: Settings, workshop: Workshop | None, session: str
) -> Iterator[tuple[Any, ...]]:
    """State, table, three downloads and the session's folder, again and again until all is done."""
    skip = gr.skip()
    if not paths:
        yield (cards.told_card("Choose several files or a zip first."), *[skip] * 5)
        return
    close_workshop(workshop)
    workshop = shared.workshop(session)
    job = shared.jobs.begin(session, Job(lambda job: work(shared, paths, settings, workshop, job)))
    gone = [gr.update(visible=False, value=None)] * 3
    first = cards.progress_card(f"{len(paths)} files", 0.0, job.what, None)
    yield first, "", *gone, workshop
    shown = 0
    for _ in job.snapshots():
        so_far: list[Row] = list(job.found or [])
        table = skip if len(so_far) == shown else table_html(so_far)
        shown = len(so_far)
        yield cards.progress_card("Batch", job.share, job.what, job.seconds_left()), table, *[skip] * 4
    rows: list[Row] = list(job.found or [])
    if job.error is not None and not isinstance(job.error, Cancelled):
        yield (cards.told_card(told(job.error, "")), *[skip] * 5)
        return
    ended = CANCELLED if isinstance(job.error, Cancelled) else ""
    if not rows:
        yield (cards.told_card(ended, "cancelled"), *[skip] * 5)
        return
    files = [gr.update(value=str(path), visible=True) for path in write_rows(rows, workshop.path)]
    yield summary(rows, bool(ended)), table_html(rows), *files, workshop


def table_html(rows: list[Row]) -> str:
    """One row a file. A column's head sorts by the cells' keys, in the page itself."""
    head = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" class="dh-sort">{escape(name)}</button></th>'
        for name in HEAD
    )
    return (
        '<table class="dh-table dh-sortable" aria-label="Results, one row a file">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(map(_line, rows))}</tbody></table>"
    )


def _line(row: Row) -> str:
    word, score, spread, coverage, why = row.cells()
    reading = cards.small_verdict(row.result) if row.result else cards.tag("none", word)
    name = escape(row.name).replace("_", "_<wbr>")
    cells = [
        (name, row.name.lower(), " dh-long"), (reading, word, ""),
        ("" if score is None else f"{score:.3f}", "-1" if score is None else str(score), ""),
        (spread, spread or "-1", ""), (coverage, coverage.removesuffix(" %") or "-1", ""),
        (escape(why), why, " dh-long"),
    ]  # fmt: skip
    return "<tr>{}</tr>".format(
        "".join(
            f'<td data-label="{escape(label)}" data-key="{escape(key)}" class="dh-cell{kind}">{shown}</td>'
            for label, (shown, key, kind) in zip(HEAD, cells, strict=True)
        )
    )


def summary(rows: list[Row], cut_off: bool = False) -> str:
    """How many of what."""
    counts: dict[str, int] = {}
    for row in rows:
        word = row.cells()[0]
        counts[word] = counts.get(word, 0) + 1
    said = "; ".join(f"{word}: {count}" for word, count in sorted(counts.items(), key=lambda item: -item[1]))
    stopped = " Cancelled before the rest." if cut_off else ""
    files = "1 file" if len(rows) == 1 else f"{len(rows)} files"
    return (
        f'<section role="status" class="dh-card" data-state="done"><h2>{files}</h2>'
        f"<p>{said}.{stopped} Click a column's head to sort by it.</p></section>"
    )


def build(shared: Shared) -> None:
    """Lay out and wire the tab."""
    limits = shared.engine.limits
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            files = gr.File(
                label=f"Several files or a zip, up to {limits.max_files}", file_count="multiple", height="13.2rem",
                file_types=["video", "image", "audio", ".zip"], elem_id="batch-files",
            )  # fmt: skip
            with gr.Row():
                go = gr.Button("Analyse all", variant="primary", elem_id="batch-go")
                stop = gr.Button("Cancel", elem_id="batch-cancel")
        with gr.Column(scale=6, min_width=300):
            state = gr.HTML(
                '<section class="dh-card dh-empty" data-state="empty"><p>A table will stand below, one row a file.'
                "</p></section>",
                elem_id="batch-state", elem_classes="dh-body",
            )  # fmt: skip
            with gr.Row(elem_classes="dh-downloads"):
                downloads = [
                    gr.DownloadButton(name, visible=False, size="sm", elem_id=f"batch-{kind}")
                    for name, kind in (("CSV", "csv"), ("JSON lines", "jsonl"), ("HTML", "html"))
                ]
    table = gr.HTML("", elem_id="batch-table", elem_classes="dh-body")
    workshop = new_workshop(shared.engine)

    def begin(
        paths: list[str] | None, settings: Settings, workshop: Workshop | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        yield from batch(shared, paths, settings, workshop, _mark(request))

    def cancel(request: gr.Request) -> None:
        shared.jobs.cancel(_mark(request))

    def chosen(paths: list[str] | None, request: gr.Request) -> None:
        shared.uploads.hold(_mark(request), paths or [])

    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    go.click(
        begin, [files, shared.settings, workshop], [state, table, *downloads, workshop], concurrency_limit=None, **quiet
    )
    stop.click(cancel, queue=False, **quiet)
    files.change(chosen, files, queue=False, **quiet)


def _mark(request: gr.Request) -> str:
    return f"{session_of(request)}/batch"
