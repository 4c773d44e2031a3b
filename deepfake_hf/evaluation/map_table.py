"""The scores of heat maps as a page."""

from __future__ import annotations

from typing import Any, Final

from deepfake_hf.evidence.maps.kinds import CLIP, KINDS, PICTURE, SOUND

_INTRO: Final = """# Heat maps, and which of them may be shown

Every kind of map is scored on fakes whose changed places are known, beside a blob in the middle that knows nothing
about the model. A kind is on by default only where it passed; the library reads that from
`deepfake_hf/evidence/maps/measured.json`, and a kind that was never measured is off. Made by

```
deepfake-hf maps-check --crops FACES --speech CACHE --out runs/maps --pictures --record
```

which is run again whenever the weights change; `runs/maps/maps.md` is this page.

**Pictures.** Genuine DFDC crops of the split named below, each of a video of its own. *Half blends*: a self-blend
of the face on one side of a line at a random angle and place, the other side genuine, so that the middle of the
crop is no safe guess. *Whole-face blends* as training draws them: their mask is most of the crop, the middle lies
in nearly all of them, and no map can beat the blob there by much. **Sound.** Genuine speech of held-out speakers in
which one second was replaced by the same words from a vocoder (of those that training knows), or, for the map over
bands, one band of that second. Every recording counts there, whatever its score; of pictures, those that are scored
fake, and beside them all.

**Figures.** *Pointing*: share of the fakes in which the map's strongest place lies in what was changed. *IoU*: of
what was changed with as many of the map's strongest places. *Gain*: difference to the blob, with its 95 % interval
(fakes drawn with replacement). *Random weights*: mean rank correlation of the maps with those of the same net with
weights drawn again (8 fakes): a map that stays the same shows the picture and not the model. *Deletion*,
*insertion*: area under P(fake) as the strongest places are blurred first, or come back first (Petsiuk et al. 2018).

**To pass**: pointing of at least 0.7, gains in pointing and in IoU whose intervals lie above 0, and a correlation
with all weights random of at most 0.5. Layer, views and lengths were chosen on the part of training that is set
aside.

Layers were first looked at on validation crops, with other draws. Deletion and insertion say little here: blurring
alone makes this face branch call a crop fake, so that P(fake) stays high throughout. Intervals are of fakes drawn one
by one; of sound, some come from the same speaker.

![The self-blended portrait under its map](maps_face.png)

![A speech sample with a second rebuilt, and its map over time](maps_sound.png)

**What a map does not say.** Outside the strongest places nothing is proven genuine. The maps of faces are relative
to their own strongest place: a genuine face has one too, so they are worth showing for faces called fake only. A
map shows what this detector reacts to, on fakes of the kinds above; how well it points at other kinds of fakes is
not measured.
"""
_HEADINGS = {PICTURE: "Maps of a face", CLIP: "Maps of a clip", SOUND: "Maps of a sound"}


def to_markdown(figures: dict[str, Any]) -> str:
    """Tables of what ``maps-check`` measured, one a medium.

    Args:
        figures: ``{"kinds": {name: …}}``, each as of :func:`~deepfake_hf.evaluation.map_check.summary` with
            ``weights``.
    """
    parts: list[str | None] = [_INTRO]
    for medium, heading in _HEADINGS.items():
        found = {name: figures["kinds"].get(name) for name, kind in KINDS.items() if kind.medium == medium}
        parts.append(f"## {heading}\n")
        measured = {name: one for name, one in found.items() if one is not None and one["scored_fake"] is not None}
        for weights, split in dict.fromkeys((one["weights"], one["split"]) for one in measured.values()):
            parts.append(f"Weights `{weights}`, split `{split}`.\n")
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
