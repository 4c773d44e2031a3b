"""The scores of heat maps as a page."""

from __future__ import annotations

from typing import Any

from deepfake_hf.evidence.maps.kinds import CLIP, KINDS, PICTURE, SOUND

_HEADINGS = {PICTURE: "Maps of a face", CLIP: "Maps of a clip", SOUND: "Maps of a sound"}


def to_markdown(figures: dict[str, Any]) -> str:
    """Tables of what ``maps-check`` measured, one a medium.

    Args:
        figures: ``{"kinds": {name: …}}``, each as of :func:`~deepfake_hf.evaluation.map_check.summary` with
            ``weights``.
    """
    parts: list[str | None] = []
    for medium, heading in _HEADINGS.items():
        found = {name: figures["kinds"].get(name) for name, kind in KINDS.items() if kind.medium == medium}
        parts.append(f"## {heading}\n")
        measured = {name: one for name, one in found.items() if one is not None and one["scored_fake"] is not None}
        if measured:
            parts += [
                _localisation(measured, "scored_fake"),
                _whole(measured),
                _sanity(measured),
                _generators(measured),
            ]
        for name, one in found.items():
            state = "off: not measured" if one is None else f"{'on' if one['passed'] else 'off'}: {one['why']}"
            parts.append(f"- **{KINDS[name].title}** (`{name}`) is {state}.")
        parts.append("")
    return "\n".join(part for part in parts if part is not None)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join([_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]) + "\n"


def _gain(three: list[float]) -> str:
    return f"{three[0]:+.3f} ({three[1]:+.3f} to {three[2]:+.3f})"


def _localisation(measured: dict[str, Any], part: str) -> str:
    rows = []
    for name, one in measured.items():
        own, every = one[part], one["all"]
        rows.append(
            [
                f"`{name}`", str(own["n"]), f"{own['pointing']:.3f}", f"{own['pointing_blob']:.3f}",
                _gain(own["pointing_gain"]), f"{own['iou']:.3f}", f"{own['iou_blob']:.3f}", _gain(own["iou_gain"]),
                f"{every['pointing']:.3f} / {every['iou']:.3f} (n = {every['n']})",
                "on" if one["passed"] else "off",
            ]
        )  # fmt: skip
    head = [
        "kind", "n", "pointing", "of the blob", "gain", "IoU", "of the blob", "gain", "all fakes: pointing / IoU",
        "default",
    ]  # fmt: skip
    return _table(head, rows)


def _whole(measured: dict[str, Any]) -> str | None:
    rows = []
    for name, one in measured.items():
        own = one.get("whole_blends")
        if own is not None:
            rows.append(
                [
                    f"`{name}`", str(own["n"]), f"{own['pointing']:.3f}", f"{own['pointing_blob']:.3f}",
                    f"{own['iou']:.3f}", f"{own['iou_blob']:.3f}",
                ]
            )  # fmt: skip
    if not rows:
        return None
    return "Whole-face blends, whose mask is most of the crop:\n\n" + _table(
        ["kind", "n", "pointing", "of the blob", "IoU", "of the blob"], rows
    )


def _sanity(measured: dict[str, Any]) -> str:
    rows = []
    for name, one in measured.items():
        curves = one.get("curves")
        cells = [
            _number(one["random_correlation"]),
            _number(one.get("random_head_correlation")),
        ]
        for key in ("deletion", "deletion_blob", "insertion", "insertion_blob"):
            cells.append(_number(curves[key] if curves else None))
        rows.append([f"`{name}`", *cells])
    head = [
        "kind", "correlation, all weights random", "head random", "deletion area (low is good)", "of the blob",
        "insertion area (high is good)", "of the blob",
    ]  # fmt: skip
    return _table(head, rows)


def _generators(measured: dict[str, Any]) -> str | None:
    rows = [
        [f"`{name}`", ", ".join(f"{who} {got['pointing']:.2f} (n = {got['n']})" for who, got in by.items())]
        for name, one in measured.items()
        if (by := one.get("pointing_by_generator"))
    ]
    return _table(["kind", "pointing by vocoder"], rows) if rows else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
