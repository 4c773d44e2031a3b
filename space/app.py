"""The page: a file in, a verdict with its reasons out. ``python -m space.app [--port N] [--host H]``."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

# Before gradio is imported, which reads it then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
if not __package__:  # started as a script, as a Hugging Face Space does
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gradio as gr

from deepfake_hf import Detector
from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.synthesis.examples import Example, default_folder, make_examples
from space import handlers
from space.cards import EMPTY_CARD
from space.style import CSS, theme

MAX_UPLOAD = "500mb"
_SWEEP_S, _KEEP_S = 600, 3600  # uploads are looked through every 10 minutes and deleted after an hour
_HEAD = (
    '<header class="dh-head"><h1>Is this genuine?</h1><p>Looks for the traces of face swaps in video and pictures, and '
    "of synthetic voices in speech. Nothing leaves the machine that runs this page; uploads are deleted within "
    "the hour or so.</p></header>"
)
_FOOT = (
    '<footer class="dh-foot"><p>A detector errs, and on some cameras it calls one genuine video in five fake (see the '
    "model card). It knows the kinds of fakes it was trained on and may miss others; heavy compression, make-up or "
    "filters can mislead it. Do not use its answer as the only ground for a decision about a person.</p></footer>"
)
_THRESHOLDS = [
    ("Strict: the limit that 1 in 100 genuine calibration items reach", "fpr1"),
    ("Sensitive: 5 in 100 reach it, and fewer fakes are missed", "fpr5"),
]
_SHOW_CARD = """() => {
  const card = document.querySelector("#card");
  if (card.getBoundingClientRect().top > window.innerHeight / 2) card.scrollIntoView({ behavior: "smooth" });
}"""
_KIND_WORDS = {"video": "Video", "image": "Picture", "audio": "Sound"}


def build_app(detector: handlers.DetectorLike | None = None, examples: list[Example] | None = None) -> gr.Blocks:
    """Lay out the page and wire it.

    Args:
        detector: None: the embedded one.
        examples: None: :func:`make_examples` in the cache folder.

    Raises:
        DeepfakeHFError: the weights or the examples' material are not there.
    """
    served: handlers.DetectorLike = Detector.from_pretrained() if detector is None else detector  # type: ignore[assignment]
    shown = make_examples() if examples is None else examples

    def analyse(path: str | None, threshold: str, progress: gr.Progress = gr.Progress()) -> handlers.Report:  # noqa: B008
        return handlers.analyse(served, path, threshold, lambda share, what: progress(share, desc=what))

    with gr.Blocks(title="Is this genuine?", delete_cache=(_SWEEP_S, _KEEP_S), analytics_enabled=False) as app:
        gr.HTML(_HEAD)
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=300):
                file = gr.File(
                    label="Video, picture or sound", file_types=["video", "image", "audio"], height=130, elem_id="file"
                )
                seen = gr.HTML("", elem_classes="dh-body")
                threshold = gr.Radio(_THRESHOLDS, value="fpr1", label="How strict", elem_id="threshold")
                go = gr.Button("Analyse", variant="primary", elem_id="analyse")
                with (
                    gr.Accordion("Examples, labelled with the truth"),
                    gr.Column(elem_classes="dh-examples"),
                ):
                    for example in shown:
                        button = gr.Button(_example_label(example), size="sm", elem_id=f"example-{example.path.stem}")
                        take = partial(str, example.path)
                        button.click(take, None, file, show_progress="hidden", queue=False, api_visibility="private")
                    credits = "; ".join(dict.fromkeys(example.credit for example in shown))
                    gr.HTML(f'<p class="dh-small">{credits}. The fakes were made by this project.</p>')
            with gr.Column(scale=6, min_width=300):
                card = gr.HTML(EMPTY_CARD, elem_id="card", elem_classes="dh-body")
                plot = gr.HTML("", elem_id="timeline", elem_classes="dh-body")
                table = gr.HTML("", elem_id="voices", elem_classes="dh-body")
                why = gr.HTML("", elem_id="why", elem_classes="dh-body")
        gr.HTML(_FOOT)
        # On a phone the card lies below the examples: bring it into sight.
        go.click(None, js=_SHOW_CARD, api_visibility="private")
        report: list[Any] = [card, table, plot, why]
        go.click(
            analyse, [file, threshold], report, show_progress="full", show_progress_on=card, concurrency_limit=1,
            api_name="analyse",
        )  # fmt: skip
        # Outside the queue, so that it never waits behind an analysis.
        file.change(
            handlers.choose, file, [seen, *report], show_progress="hidden", queue=False, api_visibility="private"
        )
    app.queue(max_size=12, default_concurrency_limit=2)
    return app


def launch(app: gr.Blocks, host: str = "127.0.0.1", port: int | None = None, **options: Any) -> str:
    """Serve the page and return its address. Further options go to ``gr.Blocks.launch``."""
    _, address, _ = app.launch(
        server_name=host, server_port=port, theme=theme(), css=CSS, show_error=True, quiet=True, share=False,
        allowed_paths=[str(default_folder())], max_file_size=MAX_UPLOAD, footer_links=["settings"], ssr_mode=False,
        **options,
    )  # fmt: skip
    return address


def main(arguments: list[str] | None = None) -> int:
    """Start the page, print its address and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m space.app", description="The deepfake_hf page.")
    in_space = bool(os.environ.get("SPACE_ID"))
    parser.add_argument("--host", default="0.0.0.0" if in_space else "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    options = parser.parse_args(arguments)
    try:
        app = build_app()
    except DeepfakeHFError as error:
        print(f"The page can't start. {error}", file=sys.stderr)
        return 1
    try:
        address = launch(app, options.host, options.port, prevent_thread_lock=True)
    except (OSError, ValueError) as error:  # no free port; ValueError: gradio can't reach its own address
        print(f"The page can't start: {error} Another port can be chosen with --port.", file=sys.stderr)
        return 1
    print(f"The page is at {address} (stop it with Ctrl+C)", flush=True)
    app.block_thread()
    return 0


def _example_label(example: Example) -> str:
    return f"{_KIND_WORDS[example.kind.value]}, {example.truth}"


if __name__ == "__main__":
    raise SystemExit(main())
