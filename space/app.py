"""The page: layout of the tabs, start. ``python -m space.app [--port N] [--host H] [--bundle B]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

if not __package__:  # started as a script, as a Hugging Face Space does
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from space.temporary import keep_emptying, own_folder

# Before gradio is imported, which reads the environment then.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_TEMP_DIR"] = os.environ.get("GRADIO_TEMP_DIR") or own_folder()

import gradio as gr

from deepfake_hf.errors import DeepfakeHFError
from deepfake_hf.synthesis.examples import Example, default_folder, make_examples
from space import programs, tab_analyse, tab_batch, tab_compare, tab_examples, tab_history, tab_live, tab_model
from space.engine import Engine
from space.history import History
from space.limits import PageLimits, history_file, is_public
from space.live import LiveRoom
from space.shared import PRIVATE, Settings, Shared, session_of
from space.style import CSS, HEAD, theme

_SWEEP_S = 60
_FOOT = (
    '<footer class="dh-foot"><p>A detector errs both ways: it calls some genuine files fake, more of them where the '
    "camera or the recording is unlike those that it was measured on, and it misses fakes, above all of kinds that it "
    "was not trained on. Heavy compression, make-up or filters can mislead it. How often it erred, and on what, stands "
    'under <button type="button" class="dh-link">Model</button>. Do not use its answer as the only ground for a '
    "decision about a person.</p></footer>"
)
_TO_MODEL = """element.addEventListener("click", (event) => {
  if (event.target.closest("button")) trigger("click");
});"""


def build_app(
    engine: Engine | None = None,
    examples: list[Example] | None = None,
    history: History | None = None,
) -> gr.Blocks:
    """Lay out the page and wire it.

    Args:
        engine: None: the weights in the box with the limits of the environment.
        examples: None: :func:`make_examples` in the cache folder.
        history: None: no history.

    Raises:
        DeepfakeHFError: the weights or the examples' material are not there.
    """
    engine = engine or Engine(PageLimits.from_environment())
    shown = make_examples() if examples is None else examples
    limits = engine.limits
    shared = Shared(engine, history)
    room = LiveRoom(lambda: engine.load(engine.bundle), limits.live_sessions, limits.idle_seconds)
    sweep = (_SWEEP_S, max(1, int(limits.keep_s)))
    with gr.Blocks(title="Is this genuine?", delete_cache=sweep, analytics_enabled=False) as app:
        gr.HTML(_head(limits))
        shared.settings = gr.State(Settings())
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Analyse", id="analyse"):
                analyse = tab_analyse.build(shared)
            with gr.Tab("Examples", id="examples"):
                tab_examples.build(shown, tabs, analyse)
            with gr.Tab("Live", id="live") as live:
                tab_live.build(shared, room)
            live.select(room.warm, queue=False, show_progress="hidden", **PRIVATE)
            with gr.Tab("Batch", id="batch"):
                tab_batch.build(shared)
            with gr.Tab("Compare", id="compare"):
                tab_compare.build(shared)
            with gr.Tab("Model", id="model") as model:
                tab_model.build(shared, analyse, model)
            if history is not None:
                with gr.Tab("History", id="history") as past:
                    tab_history.build(history)(past)
            with gr.Tab("For programs", id="programs"):
                programs.build(shared)
        foot = gr.HTML(_FOOT, elem_id="foot", js_on_load=_TO_MODEL)
        foot.click(lambda: gr.Tabs(selected="model"), None, tabs, queue=False, show_progress="hidden", **PRIVATE)

        def left(request: gr.Request) -> None:
            name = session_of(request)
            for kind in ("", "/batch", "/compare"):
                shared.jobs.cancel(name + kind)
                shared.uploads.leave(name + kind)
                shared.leave_workshop(name + kind)
            for kind in ("/camera", "/sound"):
                room.end(name + kind)

        app.unload(left)
    app.queue(max_size=None, default_concurrency_limit=4)
    return app


def launch(app: gr.Blocks, limits: PageLimits, host: str = "127.0.0.1", port: int | None = None, **options: Any) -> str:
    """Serve the page and return its address. Further options go to ``gr.Blocks.launch``."""
    keep_emptying(app, max(1.0, limits.keep_s), _SWEEP_S)
    _, address, shared = app.launch(
        server_name=host, server_port=port, theme=theme(), css=CSS, head=HEAD, show_error=True, quiet=True,
        allowed_paths=[str(default_folder())], max_file_size=int(limits.max_mb * 1e6), footer_links=["api", "settings"],
        ssr_mode=False, run_history=False, mcp_server=programs.mcp_is_there(), **{"share": False, **options},
    )  # fmt: skip
    return shared or address


def parser() -> argparse.ArgumentParser:
    """Options of the page."""
    parser = argparse.ArgumentParser(prog="python -m space.app", description="The deepfake_hf page.")
    parser.add_argument("--host", default="0.0.0.0" if is_public() else "127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="a public address through Gradio's own servers")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", default=None, help="ask visitors for these")
    parser.add_argument("--bundle", default=None, help="weights: a folder or a Hub id (default: those in the box)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Start the page, print its address and serve until interrupted."""
    options = parser().parse_args(arguments)
    auth = None
    if options.auth is not None:
        name, colon, password = options.auth.partition(":")
        if not (name and colon and password):
            print("--auth: it is not NAME:PASSWORD. Write --auth anna:secret.", file=sys.stderr)
            return 2
        auth = (name, password)
    try:
        limits = PageLimits.from_environment()
        engine = Engine(limits, options.bundle)
        engine.warm()
        file = history_file()
        app = build_app(engine, history=History(file) if file else None)
    except DeepfakeHFError as error:
        print(f"The page can't start. {error}", file=sys.stderr)
        return 1
    try:
        address = launch(
            app, limits, options.host, options.port, share=options.share, auth=auth, prevent_thread_lock=True
        )
    except (OSError, ValueError) as error:  # no free port; ValueError: gradio can't reach its own address
        print(f"The page can't start: {error} Another port can be chosen with --port.", file=sys.stderr)
        return 1
    print(f"The page is at {address} (stop it with Ctrl+C)", flush=True)
    app.block_thread()
    return 0


def _head(limits: PageLimits) -> str:
    place = (
        "Files go to the machine that runs this Space and to nobody else" if is_public()
        else "Nothing leaves the machine that runs this page"
    )  # fmt: skip
    return (
        '<header class="dh-head"><h1>Is this genuine?</h1><p>Looks for the traces of face swaps in video and pictures, '
        f"and of synthetic voices in speech. {place}. Uploads are deleted when you take another file or leave, and "
        f"after {limits.keep_minutes:g} minutes at the latest; results are kept only if you ask for it.</p></header>"
    )


if __name__ == "__main__":
    raise SystemExit(main())
