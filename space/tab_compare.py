"""Two files, or two bundles of weights, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from deepfake_hf import DetectionResult
from deepfake_hf.report.words import score_text
from space import cards
from space.engine import Choice, told
from space.jobs import Cancelled, Job
from space.shared import PRIVATE, Settings, Shared, name_of, session_of
from space.tab_analyse import CANCELLED
from space.tab_model import BOX, FOLDER, HUB, settings_of
from space.timeline import timeline

Side = tuple[str, Choice]


def sides(one: str | None, other: str | None, bundle: str, settings: Settings) -> tuple[Side, Side] | str:
    """What is compared, or in a sentence what is missing."""
    if not one:
        return "Choose the first file."
    bundle = bundle.strip()
    second = settings.choice
    if bundle:
        source = BOX if bundle == "box" else FOLDER if bundle.startswith((".", "/", "~")) else HUB
        found = settings_of(source, bundle, "fpr1", None, 5)
        second = Choice(settings.choice.threshold, found.choice.bundle)
    if not other and second == settings.choice:
        return "Choose a second file, or name other weights for the second side."
    return (one, settings.choice), (other or one, second)


def compare(
    shared: Shared, one: str | None, other: str | None, bundle: str, settings: Settings, session: str
) -> Iterator[tuple[Any, ...]]:
    """Cards, players with timelines and the table of differences, again and again until both sides stand."""
    skip = gr.skip()
    try:
        pair = sides(one, other, bundle, settings)
    except Exception as error:
        pair = told(error, "")
    if isinstance(pair, str):
        yield (cards.told_card(pair), *[skip] * 4)
        return

    def work(job: Job) -> list[DetectionResult]:
        job.found = []
        for place, (path, choice) in enumerate(pair):
            name = ("first", "second")[place]

            def tell(share: float, what: str, place: int = place, name: str = name) -> None:
                job.tell((place + share) / 2, f"{name}: {what}")

            job.found.append(shared.engine.detect(path, choice, tell))
        return list(job.found)

    job = shared.jobs.begin(session, Job(work))
    yield cards.progress_card("Two sides", 0.0, job.what, None), "", "", "", ""
    for _ in job.snapshots():
        yield cards.progress_card("Two sides", job.share, job.what, job.seconds_left()), *[skip] * 4
    if job.error is not None:
        cancelled = isinstance(job.error, Cancelled)
        yield (
            cards.told_card(
                CANCELLED if cancelled else told(job.error, pair[0][0]), "cancelled" if cancelled else "error"
            ),
            *[skip] * 4,
        )
        return
    shown: list[str] = []
    for (path, choice), result in zip(pair, job.result, strict=True):
        points = shared.engine.known_points(choice.bundle)
        shown += [
            cards.verdict_card(result, name_of(path)),
            f'<div class="dh-scene">{cards.preview(path)}{timeline(result, points)}</div>',
        ]
    yield differences(*job.result), shown[0], shown[2], shown[1], shown[3]


def differences(one: DetectionResult, other: DetectionResult) -> str:
    """The two sides in a table."""

    def spread(result: DetectionResult) -> str:
        return f"{result.interval[0]:.3f} to {result.interval[1]:.3f}" if result.interval else "none"

    rows = [
        ("Reading", cards.small_verdict(one), cards.small_verdict(other)),
        ("P(fake)", escape(score_text(one.p_fake)), escape(score_text(other.p_fake))),
        ("90 % interval", spread(one), spread(other)),
        ("Fake from", *(f"{r.band.fake_at:.3f}" if r.band else "none" for r in (one, other))),
        ("Weights", escape(one.weights), escape(other.weights)),
    ]
    if one.p_fake is not None and other.p_fake is not None:
        rows.insert(2, ("Difference", "", f"{other.p_fake - one.p_fake:+.3f}"))
    body = "".join(
        f'<tr><th scope="row">{name}</th><td data-label="First">{a}</td><td data-label="Second">{b}</td></tr>'
        for name, a, b in rows
    )
    return (
        '<section role="status" class="dh-card" data-state="done"><table class="dh-table"><thead><tr><th></th>'
        f'<th scope="col">First</th><th scope="col">Second</th></tr></thead><tbody>{body}</tbody></table></section>'
    )


def build(shared: Shared) -> None:
    """Lay out and wire the tab."""
    gr.HTML(
        "<p>Two files with the same weights (a genuine recording against a suspected copy), or one file with two "
        "bundles of weights.</p>",
        elem_classes="dh-body",
    )
    kinds = ["video", "image", "audio"]
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            one = gr.File(label="First file", file_types=kinds, height="10.6rem", elem_id="compare-one")
        with gr.Column(min_width=280):
            other = gr.File(
                label="Second file (empty: the same)", file_types=kinds, height="10.6rem", elem_id="compare-other"
            )
            bundle = gr.Textbox(
                label="Other weights for the second side", placeholder="owner/name, a folder, or box", max_lines=1,
                elem_id="compare-bundle",
            )  # fmt: skip
    with gr.Row():
        go = gr.Button("Compare", variant="primary", elem_id="compare-go")
        stop = gr.Button("Cancel", elem_id="compare-cancel")
    state = gr.HTML("", elem_id="compare-state", elem_classes="dh-body")
    cards_, scenes = [], []
    with gr.Row(equal_height=False):
        for side in (1, 2):
            with gr.Column(min_width=300):
                cards_.append(gr.HTML("", elem_classes="dh-body", elem_id=f"compare-card-{side}"))
                scenes.append(gr.HTML("", elem_classes="dh-body", elem_id=f"compare-scene-{side}"))

    def begin(
        one: str | None, other: str | None, bundle: str, settings: Settings, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        yield from compare(shared, one, other, bundle, settings, _mark(request))

    def cancel(request: gr.Request) -> None:
        shared.jobs.cancel(_mark(request))

    def chosen(one: str | None, other: str | None, request: gr.Request) -> None:
        shared.uploads.hold(_mark(request), [path for path in (one, other) if path])

    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    go.click(begin, [one, other, bundle, shared.settings], [state, *cards_, *scenes], concurrency_limit=None, **quiet)
    stop.click(cancel, queue=False, **quiet)
    for file in (one, other):
        file.change(chosen, [one, other], queue=False, **quiet)


def _mark(request: gr.Request) -> str:
    return f"{session_of(request)}/compare"
