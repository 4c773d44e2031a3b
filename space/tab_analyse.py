"""One file in, a verdict with its reasons out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepfake_hf import DetectionResult
from deepfake_hf.cli.report import Examined
from space import cards
from space.engine import Workshop, told, write_downloads
from space.evidence import evidence_html, rarity
from space.jobs import Cancelled, Job
from space.model_figures import prevalence_words
from space.shared import PRIVATE, Settings, Shared, close_workshop, name_of, new_workshop, session_of
from space.timeline import timeline

_SHOW = """() => {
  const card = document.querySelector("#card");
  if (card.getBoundingClientRect().top > window.innerHeight / 2) card.scrollIntoView({ behavior: "smooth" });
}"""
CANCELLED = "Cancelled. Nothing of this analysis was kept."
_DETECT, _EVIDENCE = 0.75, 0.9  # shares of the bar


@dataclass(frozen=True)
class Done:
    """What a session's last analysis left for the buttons below it."""

    examined: Examined
    path: str
    settings: Settings


@dataclass
class Analyse:
    """The components that other tabs use."""

    file: gr.File
    go: gr.Button
    line: gr.HTML
    begin: Any
    inputs: list[Any]
    outputs: list[Any]


def work(shared: Shared, path: str, settings: Settings, folder: Path, job: Job) -> tuple[Done, str, Path, Path]:
    """Verdict, evidence and downloads. The verdict stands in ``job.found`` as soon as it is there."""

    def found(result: DetectionResult) -> None:
        job.found = result
        job.tell(_DETECT, "gathering evidence")

    examined = shared.engine.examine(path, settings.choice, lambda share, what: job.tell(_DETECT * share, what), found)
    job.tell(_EVIDENCE, "drawing the figures")
    parts = evidence_html(examined, path)
    job.tell(0.95, "writing the report")
    return Done(examined, path, settings), parts, *write_downloads(examined, folder)


def analyse(
    shared: Shared, path: str | None, settings: Settings, keep: bool, workshop: Workshop | None, session: str
) -> Iterator[tuple[Any, ...]]:
    """The whole of an analysis as the page shows it, again and again until it stands."""
    skip = gr.skip()
    if not path:
        yield (cards.told_card("Choose a file or an example first."), *[skip] * 9)
        return
    close_workshop(workshop)
    workshop, name = shared.workshop(session), name_of(path)
    shown = False
    job = shared.jobs.begin(session, Job(lambda job: work(shared, path, settings, workshop.path, job)))
    hidden = [gr.update(visible=False, value=None)] * 3
    yield (
        cards.progress_card(name, 0.0, job.what, None),
        "",
        "",
        *hidden,
        gr.update(visible=False),
        None,
        workshop,
        _kept(""),
    )
    for _ in job.snapshots():
        busy = cards.progress_card(name, job.share, job.what, job.seconds_left())
        if job.found is not None and not shown:
            shown = True
            points = _points(shared, settings)
            yield cards.verdict_card(job.found, name), timeline(job.found, points), busy, *[skip] * 7
        elif shown:
            yield skip, skip, busy, *[skip] * 7
        else:
            yield busy, *[skip] * 9
    if job.error is not None:
        words = CANCELLED if isinstance(job.error, Cancelled) else told(job.error, path)
        state = "cancelled" if isinstance(job.error, Cancelled) else "error"
        yield cards.told_card(words, state), "", "", *[skip] * 7
        return
    done, parts, page, record = job.result
    result = done.examined.result
    said = ""
    if keep and shared.history is not None:
        shared.history.keep(result, thumbnail(done.examined))
        said = "Kept in the history on this machine."
    moving = result.kind == "video" and bool(result.windows)
    points = done.examined.detector.operating_points()
    yield (
        cards.verdict_card(result, name, extra(done)), timeline(result, points), parts,
        gr.update(value=str(page), visible=True), gr.update(value=str(record), visible=True),
        gr.update(value=None, visible=False), gr.update(visible=moving), done, workshop, _kept(said),
    )  # fmt: skip


def extra(done: Done) -> str:
    """How rare the score is, and what the word is worth where fakes are as frequent as the visitor said."""
    lines = [rarity(done.examined), prevalence_words(done.examined, done.settings.prevalence)]
    return "".join(f'<p class="dh-small">{escape(line)}</p>' for line in lines if line)


def annotate(shared: Shared, done: Done | None, workshop: Workshop | None, session: str) -> Iterator[tuple[Any, Any]]:
    """Make the annotated video on demand; the second value is the line that says how far it is."""
    if done is None or workshop is None:
        raise gr.Error("Analyse a video first.", print_exception=False)
    out = workshop.path / f"{Path(done.path).stem}.annotated.mp4"

    def make(job: Job) -> None:
        shared.engine.annotate(done.path, done.examined.result, done.settings.choice, out, job.tell)

    job = shared.jobs.begin(session, Job(make))
    for _ in job.snapshots():
        yield gr.skip(), _kept(f"Drawing the video, {100 * job.share:.0f} %")
    if job.error is not None:
        yield gr.skip(), _kept(CANCELLED if isinstance(job.error, Cancelled) else told(job.error, done.path))
        return
    yield gr.update(value=str(out), visible=True), _kept("The annotated video is ready to download.")


def choose(shared: Shared, path: str | None, session: str) -> tuple[Any, ...]:
    """A file was chosen or taken away: show it, forget the one before and its report."""
    shared.jobs.cancel(session)
    shared.uploads.hold(session, [path] if path else [])
    gone = gr.update(visible=False, value=None)
    return cards.preview(path), cards.EMPTY_CARD, "", "", gone, gone, gone, gr.update(visible=False), None, _kept("")


def thumbnail(examined: Examined) -> bytes | None:
    """The most suspicious face, as JPEG."""
    pictures = [content for row in examined.thumbnails for content, _ in row.pictures]
    return pictures[0] if pictures else None


def build(shared: Shared) -> Analyse:
    """Lay out and wire the tab."""
    assert shared.settings is not None
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            file = gr.File(
                label="Drop or paste a video, picture or sound", file_types=["video", "image", "audio"],
                height="10.6rem", elem_id="file",
            )  # fmt: skip
            with gr.Accordion("Record instead", open=False) as recorder:
                # Not there until they are wanted: their players are a third of what the page would load.
                sound = gr.Audio(
                    sources=["microphone"], type="filepath", label="Record speech", elem_id="record-sound",
                    visible=False,
                )  # fmt: skip
                # With its sound, which is judged too, and not mirrored: for both Gradio would call an ffmpeg program.
                film = gr.Video(
                    sources=["webcam"], label="Record a clip", elem_id="record-film", visible=False, include_audio=True,
                    webcam_options=gr.WebcamOptions(mirror=False),
                )  # fmt: skip
            keep = gr.Checkbox(
                label="Keep the result in the history on this machine", visible=shared.history is not None,
                elem_id="keep",
            )  # fmt: skip
            with gr.Row():
                go = gr.Button("Analyse", variant="primary", elem_id="analyse")
                stop = gr.Button("Cancel", elem_id="cancel")
            line = gr.HTML(settings_line(Settings()), elem_classes="dh-body", elem_id="settings-line")
        with gr.Column(scale=6, min_width=300):
            card = gr.HTML(cards.EMPTY_CARD, elem_id="card", elem_classes="dh-body")
            with gr.Row(elem_classes="dh-downloads"):
                page = gr.DownloadButton("HTML report", visible=False, size="sm", elem_id="get-report")
                record = gr.DownloadButton("JSON", visible=False, size="sm", elem_id="get-json")
                draw = gr.Button("Make the annotated video", visible=False, size="sm", elem_id="draw")
                video = gr.DownloadButton("Annotated video", visible=False, size="sm", elem_id="get-video")
            note = gr.HTML("", elem_classes="dh-body", elem_id="note")
    with gr.Row(equal_height=False, elem_classes="dh-scene"):
        with gr.Column(scale=4, min_width=300):
            seen = gr.HTML("", elem_id="player", elem_classes="dh-body")
        with gr.Column(scale=6, min_width=300):
            plot = gr.HTML("", elem_id="timeline", elem_classes="dh-body")
    parts = gr.HTML("", elem_id="parts", elem_classes="dh-body")
    done = gr.State(None, time_to_live=shared.engine.limits.keep_s)
    workshop = new_workshop(shared.engine)
    outputs: list[Any] = [card, plot, parts, page, record, video, draw, done, workshop, note]

    def begin(
        path: str | None, settings: Settings, keep: bool, workshop: Workshop | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        yield from analyse(shared, path, settings, keep, workshop, session_of(request))

    def chosen(path: str | None, request: gr.Request) -> tuple[Any, ...]:
        return choose(shared, path, session_of(request))

    def cancel(request: gr.Request) -> None:
        shared.jobs.cancel(session_of(request))

    def annotated(done: Done | None, workshop: Workshop | None, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        yield from annotate(shared, done, workshop, session_of(request))

    inputs = [file, shared.settings, keep, workshop]
    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    go.click(None, js=_SHOW, **PRIVATE)
    go.click(begin, inputs, outputs, concurrency_limit=None, **quiet)
    stop.click(cancel, queue=False, **quiet)
    draw.click(annotated, [done, workshop], [video, note], concurrency_limit=None, **quiet)
    # Outside the queue, so that it never waits behind an analysis.
    file.change(chosen, file, [seen, card, plot, parts, page, record, video, draw, done, note], queue=False, **quiet)
    recorder.expand(lambda: [gr.update(visible=True)] * 2, None, [sound, film], queue=False, **quiet)
    for recorded in (sound, film):
        recorded.stop_recording(lambda path: path, recorded, file, queue=False, **quiet)
    return Analyse(file, go, line, begin, inputs, outputs)


def settings_line(settings: Settings) -> str:
    """What is in force, for the tabs that use it."""
    points = {"fpr1": "strict", "fpr5": "sensitive"}
    point = points.get(settings.choice.threshold, f"fake from {settings.choice.threshold}")
    bundle = settings.choice.bundle or "the page's own weights"
    return (
        f'<p class="dh-small">Operating point: {escape(point)}. Weights: {escape(bundle)}. '
        "Both can be changed under Model.</p>"
    )


def _points(shared: Shared, settings: Settings) -> dict[str, dict[str, float]]:
    """Without waiting: the detector is lent to the analysis that goes on."""
    return shared.engine.known_points(settings.choice.bundle)


def _kept(words: str) -> str:
    return f'<p class="dh-small" role="status">{escape(words)}</p>' if words else ""
