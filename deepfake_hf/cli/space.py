"""``deepfake-hf space`` and what ``hub push-space`` needs: where the page lies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deepfake_hf.cli.terminal import BAD_USAGE, plain_errors


def page_folder() -> Path:
    """The folder that holds ``space/``: the checkout, or what a wheel brings along.

    Raises:
        MissingDependencyError: It is in neither.
    """
    from deepfake_hf.errors import MissingDependencyError

    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent, package / "_page"):
        if (folder / "space" / "app.py").is_file():
            return folder
    raise MissingDependencyError(
        "the page cannot be started", "its folder space/ came neither with a checkout nor with this installation",
        "install deepfake-hf from its wheel, or run it in a checkout",
    )  # fmt: skip


def space(
    port: Annotated[int | None, typer.Option(help="Port; default: the first free one from 7860.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    share: Annotated[bool, typer.Option("--share", help="A public address through Gradio's own servers.")] = False,
    auth: Annotated[str | None, typer.Option(help="Ask visitors for these.", metavar="NAME:PASSWORD")] = None,
    bundle: Annotated[str | None, typer.Option(help="Weights: a folder or a Hub id; default: in the box.")] = None,
) -> None:
    """Start the page: analyse, live, batch, compare, and an interface for programs.

    Limits are set by DEEPFAKE_HF_SPACE_… in the environment; the tab "For programs" lists them.
    """
    import importlib.util

    if importlib.util.find_spec("gradio") is None:
        typer.echo("The page cannot be started: gradio is not installed. pip install 'deepfake-hf[space]'.", err=True)
        raise typer.Exit(BAD_USAGE)
    with plain_errors():
        folder = page_folder()
    sys.path.insert(0, str(folder))
    from space.app import main

    arguments = ["--host", host]
    for name, value in (("--port", port), ("--auth", auth), ("--bundle", bundle)):
        arguments += [] if value is None else [name, str(value)]
    raise typer.Exit(main([*arguments, "--share"] if share else arguments))
