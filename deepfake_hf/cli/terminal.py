"""What the commands share: exit statuses, errors as sentences, progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer

DONE: Final = 0
BAD_USAGE: Final = 2
SOME_UNREADABLE: Final = 3


@contextmanager
def plain_errors() -> Iterator[None]:
    """One of our errors becomes its sentence on standard error and exit status 2."""
    from deepfake_hf.errors import DeepfakeHFError

    try:
        yield
    except DeepfakeHFError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_USAGE) from None


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal; gives a function of (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
