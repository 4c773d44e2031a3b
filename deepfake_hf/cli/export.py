"""``deepfake-hf export``: models in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepfake_hf.cli.terminal import plain_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

app = typer.Typer(help="Write models in other forms.", no_args_is_help=True)


@app.callback()
def export() -> None:
    """Write models in other forms."""


@app.command()
def onnx(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to; of a bundle, it may be its own.")],
    source: Annotated[
        str | None,
        typer.Argument(
            help="A preset (weights: random), a branch folder, or a bundle: a folder or a Hub id. "
            "Default: the weights in the box."
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Put a bundle's face branch into 8 bits; needs --crops.")
    ] = False,
    crops: Annotated[
        Path | None, typer.Option(help="Folder of 64 or more pictures of cropped faces, for the ranges of int8.")
    ] = None,
) -> None:
    """Export to ONNX, with dynamic batch and length, and compare each graph's logits with the model's."""
    from deepfake_hf.errors import UsageError
    from deepfake_hf.hub.onnx_files import export_source

    with plain_errors():
        if int8 != (crops is not None):
            raise UsageError("--int8 and --crops", "one does nothing without the other", "give both, or none")
        for made in export_source(source, out, None if crops is None else _pictures(crops)):
            size = f"{made.path.stat().st_size / 1e6:.1f} MB"
            typer.echo(f"{made.branch}: {made.path}, {size}, logits differ from torch by {made.difference:.1e}")
            if made.int8_difference is not None:
                typer.echo(f"{made.branch}: now in int8, which moves margins by {made.int8_difference:.2f} on average")


def _pictures(folder: Path) -> list[NDArray[np.uint8]]:
    from deepfake_hf.cli.detect import find_media
    from deepfake_hf.media import Limits, read_image

    files, empty = find_media([str(folder)])
    if empty:
        typer.echo(empty[0], err=True)
    return [read_image(Path(file), Limits()).rgb for file in files]
