"""The page of one medium: first for a lay person, then for an expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deepfake_hf.report.evidence_page import evidence_sections
from deepfake_hf.report.figures import timeline_figure
from deepfake_hf.report.maps_page import CaseMaps, maps_sections
from deepfake_hf.report.page import Banner, Card, Picture, Section, Table, Thumbnails
from deepfake_hf.report.score_figures import rarity_figure, score_figure
from deepfake_hf.report.sync_figure import CAPTION, sync_figure
from deepfake_hf.report.words import POINTS, STATUS, WORDS, limits_text, meaning_of, score_text, sentence
from deepfake_hf.scoring.calibration import margin_of
from deepfake_hf.scoring.decision import BranchCalibration
from deepfake_hf.types import (
    DetectionResult,
    Finding,
    MediaKind,
    Plot,
    Segment,
    SoundPicture,
    SyncCurve,
    TrackResult,
    Verdict,
)

BROAD_IN: Final = 10.0
NARROW_IN: Final = 4.2
MAX_ROWS: Final = 40
_BRANCHES: Final = {"face": "Faces", "speech": "Sound"}
_KINDS: Final = {MediaKind.VIDEO: "video", MediaKind.IMAGE: "picture", MediaKind.AUDIO: "sound file"}
_LIMITS: Final = (
    "A verdict is a statement about traces, not about truth: a genuine recording can show a lie, and an edited one can "
    "show what happened.",
    "It does not say who made the file, with what, or why.",
    "It has been measured on face swaps, self-blended faces and copied speech. It has not been shown to find other "
    "face-swap methods, wholly generated faces, reenactment, voice conversion or neural codecs.",
    "Small, dark, strongly compressed or filtered material makes it err in both directions.",
)


@dataclass(frozen=True)
class Case:
    """All that the page shows.

    Args:
        result: Under the file's own name.
        record: ``record.make_record`` of it.
        findings: Evidence beside the verdict.
        thumbnails: Of the tracks.
        calibrations: By branch; empty for a model that nobody has calibrated.
        figures: By branch what was measured of these weights (``figures.json``); may be empty.
        plots: Drawn beside the findings of their kind.
        sound: Its mel spectrogram.
        sync: Of lips and sound; None where there was nothing to compare.
        maps: Heat maps; None where none were asked for.
    """

    result: DetectionResult
    record: Mapping[str, Any]
    findings: Sequence[Finding]
    thumbnails: tuple[Thumbnails, ...]
    calibrations: Mapping[str, BranchCalibration]
    figures: Mapping[str, Any]
    plots: tuple[Plot, ...] = ()
    sound: SoundPicture | None = None
    sync: SyncCurve | None = None
    maps: CaseMaps | None = None


def banner_of(result: DetectionResult) -> Banner:
    """The answer in a word, and a sentence."""
    if result.verdict is None:
        return Banner("none", "No verdict", f"{STATUS[result.status]}, so there is no score.")
    return Banner(result.verdict.value, WORDS[result.verdict], meaning_of(result))


def facts_of(case: Case) -> tuple[tuple[str, str], ...]:
    """What was analysed, above all else."""
    result = case.result
    kind = _KINDS.get(result.kind, "unknown") if result.kind else "unknown"
    length = f", {result.duration_s:.1f} s" if result.duration_s and result.kind is not MediaKind.IMAGE else ""
    return (
        ("File", f"{result.path} ({kind}{length})"),
        ("SHA-256", str(result.sha256 or "not read")),
        ("Analysed", f"{case.record['made_at']} with {result.weights}"),
    )


def sections_of(case: Case) -> tuple[Section, ...]:
    """All parts of the page, in order."""
    parts = [_summary(case), _blind_spots(case.result), _time(case), _stretches(case.result), _people(case)]
    parts += maps_sections(case.maps, (BROAD_IN, NARROW_IN))
    lips = () if case.sync is None else (Picture("sync", sync_figure(case.sync), "Lips and sound", CAPTION),)
    drawn = {"lip_sync": lips}
    parts += evidence_sections(case.result, case.findings, case.plots, case.sound, (BROAD_IN, NARROW_IN), drawn)
    parts += [_calibration(case), _record(case)]
    return tuple(part for part in parts if part is not None)


def deciding_branch(result: DetectionResult) -> str | None:
    """The branch whose voice the verdict is; None without a verdict."""
    scored = [branch.branch for branch in result.branches if branch.p_fake is not None]
    if result.verdict is None or not scored:
        return None
    if len(scored) == 1:
        return scored[0]
    return "speech" if result.reason.startswith("the sound") else "face"


def rarity_text(result: DetectionResult, calibrations: Mapping[str, BranchCalibration]) -> str | None:
    """How many genuine media reach this score, in words; None where nothing was calibrated."""
    branch = deciding_branch(result)
    if branch is None or branch not in calibrations or result.p_fake is None:
        return None
    share = 100 * calibrations[branch].null.tail(float(margin_of(result.p_fake)))
    if share < 0.5:
        return "Fewer than 1 in 200 genuine files of the calibration set score this high."
    return f"About {share:.0f} in 100 genuine files of the calibration set score this high or higher."


def _summary(case: Case) -> Section:
    result = case.result
    if result.verdict is None or result.p_fake is None:
        return Section("Why there is no verdict", (sentence(result.reason),), warnings=_warnings(result))
    word = {Verdict.FAKE: "fake", Verdict.REAL: "real", Verdict.UNCERTAIN: "uncertain"}[result.verdict]
    why = [f"The verdict is {word} because {result.reason}."]
    rare = rarity_text(result, case.calibrations)
    if rare:
        why.append(rare)
    stretches = [segment for segment in result.segments if segment.end_s > segment.start_s]
    if stretches and result.kind is not MediaKind.IMAGE:
        first = max(stretches, key=lambda segment: segment.p_fake)
        more = f", the strongest of {len(stretches)} suspicious stretches" if len(stretches) > 1 else ""
        why.append(f"Look at {_who(first)} from {first.start_s:.1f} to {first.end_s:.1f} s{more}.")
    why.append(f"{100 * result.coverage:.0f} % of the file could be analysed.")
    cards = [Card("P(fake)", score_text(result.p_fake), "calibrated" if case.calibrations else "not calibrated")]
    if result.interval:
        low, high = result.interval
        cards.append(Card("90 % interval", f"{low:.2f}–{high:.2f}", "how much its moments disagree"))
    if result.band:
        cards.append(Card("Called fake from", f"{result.band.fake_at:.3f}", POINTS.get(result.band.name, "as asked")))
        cards.append(Card("Called real below", f"{result.band.real_below:.3f}", "uncertain between"))
    bars = [score_figure(result.p_fake, result.interval, result.band, width) for width in (BROAD_IN, NARROW_IN)]
    caption = (
        "P(fake) has no unit: 0 is real, 1 is fake. The line through the mark is the 90 % interval over the file's "
        "moments; it is not the detector's rate of error."
    )
    picture = Picture("score", bars[0], "Where this file lies", caption, bars[1])
    return Section("Why", (" ".join(why),), tuple(cards), pictures=(picture,), warnings=_warnings(result))


def _warnings(result: DetectionResult) -> tuple[str, ...]:
    said = tuple(sentence(warning) for warning in result.warnings)
    if " random " in f" {result.weights} ":
        said = ("These weights are random and untrained: the verdict means nothing.", *said)
    return said


def _blind_spots(result: DetectionResult) -> Section:
    if result.verdict is Verdict.REAL:
        own: tuple[str, ...] = ("Real means that no known trace was found. It is no proof that the file is genuine.",)
    elif result.verdict is None:
        own = ("No verdict is no all-clear: the file may be fake or genuine.",)
    else:
        own = ("Some genuine files score like this. Look for the original, its source and other recordings.",)
    silent = [branch for branch in result.branches if branch.p_fake is None]
    unheard = tuple(f"{_BRANCHES.get(b.branch, b.branch)} not judged: {b.reason}." for b in silent)
    return Section("What this cannot tell", points=(*own, *unheard, *_LIMITS))


def _time(case: Case) -> Section | None:
    result = case.result
    points = {name: held.operating_points for name, held in case.calibrations.items()}
    broad, narrow = (
        timeline_figure(result, operating_points=points, width_in=width, by_second=True)
        for width in (BROAD_IN, NARROW_IN)
    )
    still = result.kind is MediaKind.IMAGE
    if broad is None or narrow is None or (still and len(result.windows) < 2):
        return None  # one face's score stands on the scale above
    caption = "Each face's score with the limits in force." if still else (
        "The line is one score a second for each face and for the sound, the pale dots are the single windows. The "
        "zones are the limits in force; a bar along the top marks a suspicious stretch."
    )  # fmt: skip
    title = "Score of each face" if still else "Score through time"
    picture = Picture("timeline", broad, title, caption, narrow)
    return Section("Through time" if not still else "Faces", pictures=(picture,))


def _stretches(result: DetectionResult) -> Section | None:
    if result.verdict is None or result.kind is MediaKind.IMAGE:
        return None
    found = sorted(
        (segment for segment in result.segments if segment.end_s > segment.start_s), key=lambda item: item.start_s
    )
    if not found:
        return Section("Suspicious stretches", ("None: no stretch of half a second or more reaches the fake limit.",))
    rows = tuple(
        (_who(item).capitalize(), f"{item.start_s:.2f}", f"{item.end_s:.2f}", score_text(item.p_fake))
        for item in found[:MAX_ROWS]
    )
    note = (
        "A stretch opens at the fake limit and closes below the real one (hysteresis), on the median of three windows, "
        "or where the scores jump to another level."
    )
    if len(found) > MAX_ROWS:
        note += f" The first {MAX_ROWS} of {len(found)}; all are in the JSON."
    table = Table(("Who", "from (s)", "to (s)", "P(fake)"), rows, note=note)
    return Section("Suspicious stretches", tables=(table,))


def _people(case: Case) -> Section | None:
    result = case.result
    still = result.kind is MediaKind.IMAGE
    rows = [_track_row(track, still) for track in result.tracks[:MAX_ROWS]]
    for branch in result.branches:
        if branch.branch == "speech":
            rows.append(("Sound", "whole file", score_text(branch.p_fake), _reading(branch.verdict, branch.status)
                         + f"\n{branch.reason}"))  # fmt: skip
    if not rows:
        return None
    table = Table(("Who", "When", "P(fake)", "Reading"), tuple(rows), words=True)
    text: tuple[str, ...] = ()
    if case.thumbnails and not still:
        text = ("Of each person the most suspicious frame in each part of their time.",)
    if len(result.tracks) > MAX_ROWS:
        text += (f"The first {MAX_ROWS} of {len(result.tracks)} tracks; all are in the JSON.",)
    return Section("Faces and sound, one by one", text, tables=(table,), thumbnails=case.thumbnails)


def _track_row(track: TrackResult, still: bool) -> tuple[str, ...]:
    when = "in the picture" if still else f"{track.start_s:.1f} to {track.end_s:.1f} s"
    return (
        f"Face {track.track}",
        when,
        score_text(track.p_fake),
        f"{_reading(track.verdict, track.status)}\n{track.reason}",
    )


def _calibration(case: Case) -> Section | None:
    if not case.calibrations:
        text = "Nobody has calibrated this model: P(fake) is its own, and there are no limits by name."
        return Section("Calibration of these weights", (text,))
    rows, pictures = [], []
    scores = {branch.branch: branch.p_fake for branch in case.result.branches}
    for name, held in case.calibrations.items():
        points, measured = held.operating_points, case.figures.get(name) or {}
        auc, spread = measured.get("auc"), measured.get("auc_95")
        text = (
            "not stored" if auc is None else f"{auc:.3f}" + (f"\n{spread[0]:.3f} to {spread[1]:.3f}" if spread else "")
        )
        error = measured.get("ece")
        rows.append(
            (
                f"{_BRANCHES.get(name, name)}\n{measured.get('data', '')}", f"{points['fpr1']:.3f}",
                f"{points['fpr5']:.3f}", f"{held.null.num_samples:,}", text,
                "not stored" if error is None else f"{error:.3f}",
            )
        )  # fmt: skip
        called = _BRANCHES.get(name, name).lower()
        caption = (
            f"Of {held.null.num_samples:,} genuine calibration items, the share that scores at least this high (log "
            "scale). The dashed lines are the stored limits."
        )
        if name in scores:
            pictures.append(
                Picture(f"rarity-{name}", rarity_figure(held, scores[name], called), f"How rare: {called}", caption)
            )
    head = ("Branch", "fake from (FPR 1 %)", "real below (FPR 5 %)", "genuine items", "AUC (95 %)", "ECE")
    note = "Limits are P(fake) that 1 % and 5 % of genuine calibration items reach. AUC and ECE were measured on media "
    note += "set aside, of the kinds named; on other material they are worse."
    return Section(
        "Calibration of these weights", (case.result.rule,), tables=(Table(head, tuple(rows), note=note),),
        pictures=tuple(pictures),
    )  # fmt: skip


def _record(case: Case) -> Section:
    record, result = case.record, case.result
    settings = [(name, "default" if value is None else str(value)) for name, value in record["settings"].items()]
    weights = [("weights", str(record["weights"]["label"])), ("weights, SHA-256", str(record["weights"]["sha256"]))]
    band = result.band
    rows = [
        ("input, SHA-256", str(record["file"]["sha256"])),
        ("input, bytes", f"{record['file']['size_bytes']:,}"),
        *weights,
        ("operating point", f"{band.name}: {limits_text(band)}" if band else "none"),
        ("coverage", f"{100 * result.coverage:.1f} %"),
        *((f"setting {name}", value) for name, value in settings),
        *((f"{name}", str(value)) for name, value in record["environment"]["machine"].items()),
        ("report, digest", str(record["digest"])),
    ]
    versions = tuple((name, str(value)) for name, value in record["environment"]["versions"].items())
    text = (
        "deepfake-hf verify REPORT.json FILE runs this again and says whether it reproduces, and whether the file, the "
        "weights or the report were changed.",
    )
    tables = (
        Table(("What", "Value"), tuple(rows), "This run", words=True),
        Table(("Library", "Version"), versions, "Versions", words=True),
    )
    return Section("To run it again", text, tables=tables)


def _who(segment: Segment) -> str:
    return "the sound" if segment.track is None else f"face {segment.track}"


def _reading(verdict: Verdict | None, status: Any) -> str:
    return WORDS[verdict] if verdict else STATUS[status]
