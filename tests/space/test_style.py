"""Contrast of the theme's colours in both themes, as WCAG 2.2 counts it: 4.5 for text, 3 for the edges of controls."""

from __future__ import annotations

import re

import pytest

from deepfake_hf.report.boxes import COLOURS
from space.style import CSS, theme

_RULE = re.compile(r"(?P<dark>\.dark )?\.gradio-container \{(?P<body>[^}]*--dh-ink:[^}]*)\}")
_HEX = re.compile(r"--([\w-]+): (#[0-9a-f]{6})")


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours(dark: bool) -> dict[str, str]:
    """Our own colours by name, and the theme's."""
    (body,) = (found["body"] for found in _RULE.finditer(CSS) if bool(found["dark"]) == dark)
    own = dict(_HEX.findall(body))
    tail = "_dark" if dark else ""
    set_ = {name: value for name, value in vars(theme()).items() if str(value).startswith("#")}
    light = {name: value for name, value in set_.items() if not name.endswith("_dark")}
    return light | {name.removesuffix(tail): set_[name] for name in set_ if tail and name.endswith(tail)} | own


def test_the_measure_is_the_known_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read(dark: bool) -> None:
    known = colours(dark)
    grounds = ["dh-ground", "body_background_fill", "block_background_fill"]
    cards = [f"dh-{kind}-ground" for kind in ("fake", "real", "uncertain", "none")]
    pairs = [(text, ground) for text in ("dh-ink", "dh-muted", "body_text_color_subdued") for ground in grounds + cards]
    for kind in ("fake", "real", "uncertain", "none"):
        pairs += [(f"dh-{kind}", ground) for ground in [*grounds, f"dh-{kind}-ground"]]
    pairs += [("link_text_color", ground) for ground in grounds]
    pairs += [("fig-line0", "body_background_fill")] if dark else []  # the chosen tab
    for state in ("", "_hover"):
        pairs += [
            (f"button_{kind}_text_color", f"button_{kind}_background_fill{state}")
            for kind in ("primary", "secondary", "cancel")
        ]
    weak = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_controls_and_marks_can_be_seen(dark: bool) -> None:
    known = colours(dark)
    pairs = [
        ("input_border_color", "block_background_fill"), ("button_secondary_border_color", "body_background_fill"),
        ("button_primary_background_fill", "body_background_fill"), ("dh-muted", "dh-ground"),
        *((f"dh-{kind}", "dh-ground") for kind in ("fake", "real", "uncertain")),
        *((f"fig-{kind}", "dh-ground") for kind in ("fake", "real", "line0", "line1", "line2", "line3")),
    ]  # fmt: skip
    weak = {pair: round(contrast(known[pair[0]], known[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}


def test_labels_on_boxes_can_be_read() -> None:
    for colour in COLOURS.values():
        assert contrast("#ffffff", "#" + "".join(f"{part:02x}" for part in colour)) >= 4.5
