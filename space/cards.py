"""A result as HTML: verdict card, table, timeline and reasons. Pure functions; every text from outside is escaped."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from pathlib import PurePath
from typing import Final

from deepfake_hf.report.figures import timeline_svg
from deepfake_hf.report.words import ICONS, MEANING, POINTS, STATUS, WORDS, limits_text, sentence
from deepfake_hf.types import DetectionResult, MediaKind, Segment

_PLAYED: Final = {
    "video": (".mp4", ".webm", ".mov", ".m4v"),
    "image": (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp"),
    "audio": (".wav", ".mp3", ".m4a", ".ogg", ".opus", ".flac"),
}

EMPTY_CARD: Final = (
    '<section role="status" class="dh-card dh-empty" data-state="empty"><p>The verdict will stand here. '
    "Choose a file or an example, then press <b>Analyse</b>.</p></section>"
)


def verdict_card(result: DetectionResult, name: str) -> str:
    """The answer in a word, with score, interval, limits and coverage; an abstention bears no score at all."""
    file = f'<p class="dh-file">{escape(name)}</p>'
    warned = ""
    if " random " in f" {result.weights} ":
        warned = '<p class="dh-alarm">These weights are random and untrained: the verdict means nothing.</p>'
    if result.verdict is None or result.p_fake is None:
        return (
            f'<section role="status" class="dh-card dh-none" data-state="abstained" '
            f'data-status="{result.status.value}">'
            f"{file}"
            f'<h2>{_icon("none")}No verdict</h2><p class="dh-lead">{STATUS[result.status]}.</p>'
            f"<p>{escape(sentence(result.reason))}</p>{warned}</section>"
        )
    facts = [("P(fake)", f"{result.p_fake:.3f}")]
    if result.interval:
        facts.append(("90 % interval", f"{result.interval[0]:.3f} to {result.interval[1]:.3f}"))
    if result.band:
        facts.append(("Limits", limits_text(result.band)))
        facts.append(("Operating point", POINTS.get(result.band.name, result.band.name)))
    facts.append(("Analysed", f"{result.coverage:.0%} of the file, in {result.seconds:.1f} s"))
    rows = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts)
    word = result.verdict.value
    return (
        f'<section role="status" class="dh-card dh-{word}" data-state="scored" data-verdict="{word}">{file}'
        f"<h2>{_icon(word)}{WORDS[result.verdict]}</h2>"
        f'<p class="dh-lead">{MEANING[result.verdict]}</p>{_meter(result)}<dl>{rows}</dl>{warned}</section>'
    )


def voices_table(result: DetectionResult) -> str:
    """One row for each face, and one for the sound."""
    rows = []
    for track in result.tracks:
        when = "in the picture" if result.kind is MediaKind.IMAGE else _span(track.start_s, track.end_s)
        rows.append((f"Face {track.track}", when, track.p_fake, track.verdict, track.status, track.reason))
    for branch in result.branches:
        if branch.branch == "speech":
            when = _span(0.0, result.duration_s) if result.duration_s else "whole file"
            rows.append(("Sound", when, branch.p_fake, branch.verdict, branch.status, branch.reason))
    if not rows:
        return ""
    body = ""
    for who, when, p_fake, verdict, status, reason in rows:
        kind = verdict.value if verdict else "none"
        word = WORDS[verdict] if verdict else STATUS[status]
        body += (
            f'<tr><th scope="row">{escape(who)}</th><td data-label="When">{escape(when)}</td>'
            f'<td data-label="P(fake)">{"none" if p_fake is None else f"{p_fake:.3f}"}</td>'
            f'<td data-label="Reading"><span class="dh-tag dh-{kind}">{_icon(kind)}{escape(word)}</span>'
            f"<small>{escape(reason)}</small></td></tr>"
        )
    return (
        "<h3>Faces and sound</h3>"
        '<table class="dh-table"><thead><tr><th scope="col">Who</th><th scope="col">When</th>'
        f'<th scope="col">P(fake)</th><th scope="col">Reading</th></tr></thead><tbody>{body}</tbody></table>'
    )


def timeline(result: DetectionResult, operating_points: Mapping[str, Mapping[str, float]] | None) -> str:
    """The plot as pictures for wide and narrow, light and dark pages; CSS shows one of them."""
    pictures = ""
    for shape, width_in in (("wide", 8.0), ("narrow", 4.1)):
        for ground in ("light", "dark"):
            svg = timeline_svg(result, operating_points=operating_points, dark=ground == "dark", width_in=width_in)
            if svg is None:
                return ""
            data = base64.b64encode(svg.encode()).decode()
            pictures += (
                f'<img class="dh-{shape} dh-on-{ground}" alt="{escape(_timeline_words(result))}" '
                f'src="data:image/svg+xml;base64,{data}">'
            )
    title = "Score of each face" if result.kind is MediaKind.IMAGE else "Score through time"
    return f'<h3>{title}</h3><figure class="dh-figure">{pictures}</figure>'


def reasons(result: DetectionResult, name: str) -> str:
    """Why: the deciding reason, suspicious stretches, each branch, warnings, the rule, and the JSON to download."""
    parts = []
    if result.verdict is not None:
        parts.append(f"<p>{escape(sentence(result.reason))}</p>")
    stretches = [item for item in result.segments if item.end_s > item.start_s]
    if stretches and result.kind is not MediaKind.IMAGE:
        items = "".join(f"<li>{escape(_stretch(item))}</li>" for item in stretches[:20])
        more = f"<li>and {len(stretches) - 20} more, in the JSON</li>" if len(stretches) > 20 else ""
        parts.append(f"<p>Stretches that look fake:</p><ul>{items}{more}</ul>")
    lines = [f"{'Faces' if b.branch == 'face' else 'Sound'}: {b.reason}" for b in result.branches]
    lines += [f"Note: {warning}" for warning in result.warnings]
    if lines:
        parts.append("<ul>" + "".join(f"<li>{escape(line)}.</li>" for line in lines) + "</ul>")
    if result.verdict is not None:
        parts.append(f"<details><summary>The rule behind the verdict</summary><p>{escape(result.rule)}</p></details>")
    title = "<h3>Why</h3>" if parts else ""
    text = json.dumps(result.to_dict(), indent=2, ensure_ascii=False)
    data = base64.b64encode(text.encode()).decode()
    file = escape(f"{PurePath(name).stem or 'result'}.deepfake_hf.json")
    parts.append(
        f'<p><a class="dh-button" download="{file}" href="data:application/json;base64,{data}">'
        f'Download the result as JSON</a></p><p class="dh-small">Weights: {escape(result.weights)}</p>'
    )
    return title + "".join(parts)


def preview(path: str | None) -> str:
    """The chosen file, seen or heard in the page."""
    if not path:
        return ""
    suffix = PurePath(path).suffix.lower()
    kind = next((kind for kind, suffixes in _PLAYED.items() if suffix in suffixes), None)
    # `?` and `#` would end the address's path, and quotes the attribute.
    source = escape("./gradio_api/file=" + path.replace("%", "%25").replace("?", "%3F").replace("#", "%23"))
    label = escape(PurePath(path).name)
    shared = f'class="dh-preview" controls preload="metadata" aria-label="{label}" src="{source}"'
    if kind == "video":
        return f"<video {shared} playsinline></video>"
    if kind == "image":
        return f'<img class="dh-preview" alt="{label}" src="{source}">'
    if kind == "audio":
        return f"<audio {shared}></audio>"
    return '<p class="dh-small">Browsers show no preview of this kind of file. It can be analysed all the same.</p>'


def _icon(kind: str) -> str:
    return f'<svg class="dh-icon" viewBox="0 0 24 24" aria-hidden="true">{ICONS[kind]}</svg>'


def _span(start_s: float, end_s: float) -> str:
    return f"{start_s:.1f} to {end_s:.1f} s"


def _stretch(segment: Segment) -> str:
    who = "sound" if segment.track is None else f"face {segment.track}"
    return f"{_span(segment.start_s, segment.end_s)}, {who}, P(fake) {segment.p_fake:.3f}"


def _meter(result: DetectionResult) -> str:
    if result.band is None or result.p_fake is None:
        return ""
    low, high = result.interval or (result.p_fake, result.p_fake)
    real, fake = result.band.real_below * 100, result.band.fake_at * 100
    return (
        f'<div class="dh-meter" role="img" aria-label="P(fake) {result.p_fake:.3f}; {limits_text(result.band)}">'
        f'<span class="dh-zone dh-zone-real" style="width:{real:.1f}%"></span>'
        f'<span class="dh-zone dh-zone-fake" style="left:{fake:.1f}%"></span>'
        f'<span class="dh-range" style="left:{low * 100:.1f}%;width:{max(0.0, high - low) * 100:.1f}%"></span>'
        f'<span class="dh-needle" style="left:{result.p_fake * 100:.1f}%"></span></div>'
        '<div class="dh-ends"><span>0 real</span><span>fake 1</span></div>'
    )


def _timeline_words(result: DetectionResult) -> str:
    scores = [window.p_fake for window in result.windows if window.p_fake is not None]
    if not scores:
        return "No window was scored"
    return f"P(fake) of {len(scores)} windows, from {min(scores):.2f} to {max(scores):.2f}"
