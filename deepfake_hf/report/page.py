"""One self-contained HTML page: no network, light and dark, printable, readable on a phone."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deepfake_hf.errors import UsageError
from deepfake_hf.report.style import DARK, LIGHT, Palette, css_variables, inline_svg
from deepfake_hf.report.words import ICONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPLATE: Final = "page.html.jinja"
_SECTIONS: Final = "sections.html.jinja"


@dataclass(frozen=True)
class Card:
    """One figure that stands out: its name, value and, small, interval or count."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """``head`` names the columns, ``rows`` hold as many cells each; what follows a line break in a cell stands small
    below it. The first column is left-aligned, with ``words`` all are, and break. ``note`` stands below.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    note: str = ""
    words: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure in the light palette, its title, and how to read it, which also describes it to the blind.

    ``narrow`` is the same drawn for a phone; with it the picture takes the page's full width.
    """

    name: str
    figure: Figure
    title: str
    caption: str
    narrow: Figure | None = None


@dataclass(frozen=True)
class Thumbnails:
    """A row of pictures: pairs of a JPEG and its caption, small squares or, ``large``, in their own shape."""

    title: str
    pictures: tuple[tuple[bytes, str], ...]
    large: bool = False


@dataclass(frozen=True)
class Banner:
    """The answer on top: ``kind`` is ``fake``, ``real``, ``uncertain`` or ``none`` and chooses colour and mark."""

    kind: str
    word: str
    lead: str


@dataclass(frozen=True)
class Section:
    """A part of the page, in this order; empty parts are left out. ``scale`` is what the colours of its heat maps mean,
    from none to full."""

    title: str
    text: tuple[str, ...] = ()
    cards: tuple[Card, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    warnings: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    thumbnails: tuple[Thumbnails, ...] = ()
    scale: str = ""


def page_html(
    title: str, facts: tuple[tuple[str, str], ...], sections: tuple[Section, ...], banner: Banner | None = None
) -> str:
    """The page as text.

    Args:
        title: Its name.
        facts: Name and value of what was measured, with what, when.
        sections: In order.
        banner: Above them all.
    """
    return _render(
        _TEMPLATE, sections, title=title, facts=facts, banner=banner, icons=ICONS, light=_css(LIGHT), dark=_css(DARK)
    )


def sections_html(sections: tuple[Section, ...]) -> str:
    """The sections alone, for a page that brings its own style and sets the colours of figures itself."""
    return _render(_SECTIONS, sections)


def _render(template: str, sections: tuple[Section, ...], **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("deepfake_hf.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn, narrow = {}, {}
    for picture in (picture for section in sections for picture in section.pictures):
        label = f"{picture.title}. {picture.caption}"
        drawn[picture.name] = inline_svg(picture.figure, picture.name, label)
        if picture.narrow is not None:
            narrow[picture.name] = inline_svg(picture.narrow, f"{picture.name}-narrow", label)
    environment.filters["jpeg"] = lambda content: f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    # a number stays with its unit
    environment.filters["unbroken"] = lambda text: re.sub(r"(?<=\d) (?=(?:%|s|ms|px|dB)(?!\w))", "\u00a0", text)
    return environment.get_template(template).render(sections=sections, drawn=drawn, narrow=narrow, **values)


def write_page(
    path: Path,
    title: str,
    facts: tuple[tuple[str, str], ...],
    sections: tuple[Section, ...],
    banner: Banner | None = None,
) -> None:
    """Write :func:`page_html`.

    Raises:
        UsageError: The file cannot be written.
    """
    text = page_html(title, facts, sections, banner)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", str(error.strerror), "name another folder") from None


def _css(palette: Palette) -> str:
    return " ".join(f"{name}: {colour};" for colour, name in css_variables(palette).items())
