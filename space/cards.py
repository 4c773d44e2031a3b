"""A result as HTML: verdict card, table, player. Pure functions; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import Final

from deepfake_hf.report.words import (
    ICONS,
    MEANING,
    POINTS,
    STATUS,
    WORDS,
    limits_text,
    meaning_of,
    score_text,
    sentence,
)
from deepfake_hf.types import DetectionResult, Verdict

_PLAYED: Final = {
    "video": (".mp4", ".webm", ".mov", ".m4v"),
    "image": (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp"),
    "audio": (".wav", ".mp3", ".m4a", ".ogg", ".opus", ".flac"),
}

EMPTY_CARD: Final = (
    '<section role="status" class="dh-card dh-empty" data-state="empty"><p>The verdict will stand here. '
    "Choose a file or an example, then press <b>Analyse</b>.</p></section>"
)


def progress_card(name: str, share: float, what: str, left_s: float | None) -> str:
    """What is going on, how far, and how long it will still take."""
    left = "" if left_s is None else f", about {_duration(left_s)} left"
    percent = round(100 * share)
    return (
        f'<section class="dh-card dh-busy" data-state="busy" aria-live="off"><p class="dh-file">{escape(name)}</p>'
        f'<h2>Analysing</h2><div class="dh-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-label="Analysis"><span style="width:{max(percent, 1)}%"></span></div>'
        f"<p>{escape(what[:1].upper() + what[1:])}{escape(left)}</p></section>"
    )


def told_card(sentence_: str, state: str = "error") -> str:
    """Something that is no verdict, in a sentence: an error with its next step, or that it was cancelled."""
    return (
        f'<section role="alert" class="dh-card dh-none" data-state="{state}"><h2>{_icon("none")}No verdict</h2>'
        f"<p>{escape(sentence_)}</p></section>"
    )


def small_verdict(result: DetectionResult) -> str:
    """Icon and word, for tables."""
    kind = result.verdict.value if result.verdict else "none"
    return tag(kind, WORDS[result.verdict] if result.verdict else STATUS[result.status])


def tag(kind: str, word: str) -> str:
    """A coloured word with its icon; ``kind`` is a verdict or ``none``."""
    return f'<span class="dh-tag dh-{kind}">{_icon(kind)}{escape(word)}</span>'


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{max(1, round(seconds))} s"


def verdict_card(result: DetectionResult, name: str, extra: str = "") -> str:
    """The answer in a word, with score, interval, limits and coverage; an abstention bears no score at all.

    Args:
        result: Any result.
        name: The file's.
        extra: HTML that stands below the figures of a verdict.
    """
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
    noted = "".join(f'<p class="dh-note">{escape(sentence(warning))}</p>' for warning in result.warnings)
    facts = [("P(fake)", score_text(result.p_fake))]
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
        f'<p class="dh-lead">{meaning_of(result)}</p><p>{escape(sentence(result.reason))}</p>{_meter(result)}'
        f"<dl>{rows}</dl>{extra}{noted}{warned}</section>"
    )


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


def live_card(readings: Sequence[tuple[str, Verdict | None, float | None, str]], fps: float, delay_ms: float) -> str:
    """The running reading of a live source. ``readings`` are who, verdict, P(fake) and the reason for none."""
    if not readings:
        lines = f"<p>{_icon('none')} No face in sight.</p>"
    else:
        lines = "".join(_live_line(*reading) for reading in readings)
    first = next((verdict for _, verdict, _, _ in readings if verdict), None)
    kind = first.value if first else "none"
    state = "scored" if first else "abstained"
    return (
        f'<section class="dh-card dh-{kind} dh-live" data-state="{state}" data-verdict="{kind}">{lines}'
        f'<p class="dh-small" data-fps="{fps:.1f}" data-delay="{delay_ms:.0f}">{fps:.1f} a second, '
        f"at most {delay_ms:.0f} ms from arrival to answer.</p></section>"
    )


def _live_line(who: str, verdict: Verdict | None, p_fake: float | None, reason: str) -> str:
    kind = verdict.value if verdict else "none"
    word = WORDS[verdict] if verdict else "No verdict"
    score = "" if p_fake is None else f" P(fake) {score_text(p_fake)}"
    if verdict is Verdict.UNCERTAIN:
        reason = MEANING[verdict]
    why = f"<small>{escape(sentence(reason))}</small>" if verdict in (None, Verdict.UNCERTAIN) and reason else ""
    return f"<p><b>{escape(who)}</b> {tag(kind, word)}{escape(score)}{why}</p>"
