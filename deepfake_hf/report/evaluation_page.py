"""The page of an evaluation, from the plain dictionaries of ``metrics.json`` and of its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deepfake_hf.report import curves as draw
from deepfake_hf.report.page import Card, Picture, Section, Table
from deepfake_hf.report.spectrogram import mel_spectrogram_figure
from deepfake_hf.report.training_curves import training_figures

NAMES: Final = {
    "auc": "AUROC",
    "eer": "EER",
    "ap": "Average precision",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall (hits)",
    "f1": "F1",
    "fpr": "False alarms",
    "tpr_at_fpr1": "Hits at 1 % false alarms",
    "tpr_at_fpr5": "Hits at 5 % false alarms",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "ECE, 15 bins",
}
_CARDS: Final = ("auc", "eer", "accuracy", "f1", "recall", "fpr")
_ROW: Final = {
    "auc": "AUROC",
    "eer": "EER",
    "ap": "AP",
    "f1": "F1",
    "recall": "Hits",
    "fpr": "False alarms",
    "ece": "ECE",
}
_NONE: Final = "–"
_FEW: Final = 100
Metrics = Mapping[str, Any]


def evaluation_sections(
    metrics: Metrics,
    curves: Mapping[str, Any],
    cases: Sequence[Any] = (),
    training: Sequence[Mapping[str, Any]] = (),
) -> tuple[Section, ...]:
    """All parts of the page.

    Args:
        metrics: As ``metrics.json`` holds them.
        curves: Points by curve, at video level.
        cases: Speech cases: ``path``, ``label``, ``p_fake``, ``right``, ``start_s`` and ``waveform`` at 16 kHz.
        training: Lines of a run's log.
    """
    parts = [
        _summary(metrics, curves),
        _levels(metrics),
        _curve_section(curves),
        _coverage(metrics),
        _groups(metrics),
        _use(metrics, curves),
        *(_slice(entry) for entry in metrics["slices"]),
        *(_against(name, entry) for name, entry in metrics.get("against", {}).items()),
    ]
    if "matrix" in metrics:
        parts.append(_matrix(metrics["matrix"]))
    if cases:
        parts.append(_speech(cases))
    if training:
        pictures = [
            Picture(f"training{place}", figure, title, "From the run's log.jsonl.")
            for place, (title, figure) in enumerate(training_figures(training).items())
        ]
        parts.append(Section("Training", pictures=tuple(pictures)))
    parts.append(_reading())
    return tuple(parts)


def number(value: Any, places: int = 3) -> str:
    """A figure in words, a dash where there is none."""
    return _NONE if value is None else f"{value:.{places}f}"


def span(limits: Any, places: int = 3) -> str:
    """An interval in words, empty where there is none."""
    return "" if limits is None else f"{limits[0]:.{places}f}–{limits[1]:.{places}f}"


def cell(row: Metrics, name: str, places: int = 3) -> str:
    """A figure with its interval below it."""
    return "\n".join(filter(None, [number(row.get(name), places), span(row.get(f"{name}_95"), places)]))


def _summary(metrics: Metrics, curves: Mapping[str, Any]) -> Section:
    video = metrics["levels"]["video"]
    cards = tuple(
        Card(NAMES[name], number(video.get(name)), span(video.get(f"{name}_95"))) for name in _CARDS if name in video
    )
    if "min_tdcf" in metrics:
        cards += (Card("min t-DCF", number(metrics["min_tdcf"]["value"]), metrics["min_tdcf"]["form"].split(":")[0]),)
    share = metrics["coverage"]["share"]
    scored = f"{metrics['coverage']['n_scored']} of {metrics['coverage']['n']} videos"
    cards += (Card("Scored", f"{100 * share:.1f} %", scored),)
    worst = metrics["worst_method"]
    if worst is not None and len(metrics["methods"]) > 1:
        cards += (Card("Worst method, AUROC", number(metrics["methods"][worst]["auc"]), worst),)
    text = (
        f"At video level: {video['n_real']} genuine and {video['n_fake']} fake videos were scored. Called fake: "
        f"{metrics['threshold']}. Under each figure stands its 95 % interval.",
    )
    warnings = []
    if min(video["n_real"], video["n_fake"]) < _FEW:
        warnings.append(
            f"Few videos: with {video['n_real']} genuine and {video['n_fake']} fake ones these figures say little of "
            "other media. Read the intervals, and mind that they know nothing of other people, cameras and methods."
        )
    if video["auc_95"][1] - video["auc_95"][0] < 1e-9:
        hits = metrics["operating_points"]["points"]
        low = next(iter(hits.values()))["tpr_95"][0]
        warnings.append(
            "No draw of these videos had an error in their order, so that bootstrap intervals have no width. That does "
            f"not prove that there are none: by Wilson's interval, the hits may be as few as {100 * low:.0f} %."
        )
    confusion = curves["confusion"]
    left = " Videos without a score have a column of their own." if any(confusion["unscored"]) else ""
    histogram = curves["histogram"]
    pictures = (
        Picture(
            "confusion",
            draw.confusion_figure(confusion["counts"], confusion["unscored"]),
            "Confusion matrix",
            f"Videos by class (rows) and by what they were called at the limit in force, with shares of the row.{left}",
        ),
        Picture(
            "histogram",
            draw.histogram_figure(histogram["real"], histogram["fake"], histogram["limits"]),
            "Scores",
            "P(fake) of fakes upwards, of genuine videos downwards; the dashed line is the limit in force "
            "(more than one where branches have their own).",
        ),
    )
    return Section("Summary", text, cards, (), pictures, tuple(warnings))


def _levels(metrics: Metrics) -> Section:
    levels = metrics["levels"]
    counts = [
        ("Genuine", tuple(str(row["n_real"]) for row in levels.values())),
        ("Fake", tuple(str(row["n_fake"]) for row in levels.values())),
        ("Videos they come from", tuple(str(row["n_videos"]) for row in levels.values())),
    ]
    rows = [(name, *values) for name, values in counts]
    rows += [
        (title, *(cell(row, name) for row in levels.values()))
        for name, title in NAMES.items()
        if any(name in row for row in levels.values())
    ]
    strict = [number(row.get("auc_abstentions_wrong")) for row in levels.values()]
    rows.append(("AUROC, videos without a score counted as wrong", strict[0], *(_NONE for _ in strict[1:])))
    for name in ("fpr1", "fpr5"):
        for what, word in (("fpr", "False alarms"), ("tpr", "Hits")):
            key = f"{what}_at_stored_{name}"
            if any(key in row for row in levels.values()):
                title = f"{word} at the stored FPR-{name[3:]} % limit"
                rows.append((title, *(number(row.get(key)) for row in levels.values())))
    return Section(
        "All figures by level",
        (
            "A frame is one face in one picture; a clip is one window of sound or one person's track; a video is the "
            "whole medium. A label belongs to the video: frames and clips inherit it, even those that nobody altered.",
        ),
        tables=(Table(("", *levels), tuple(rows)),),
    )


def _curve_section(curves: Mapping[str, Any]) -> Section:
    one = {"all videos": curves["roc"]}
    return Section(
        "Curves, at video level",
        pictures=(
            Picture("roc", draw.roc_figure(one), "ROC", "The further up and left, the better; the thin line guesses."),
            Picture(
                "pr",
                draw.precision_recall_figure({"all videos": curves["precision_recall"]}),
                "Precision and recall",
                "It depends on the share of fakes in this set; see the predictive value for another one.",
            ),
            Picture(
                "det",
                draw.det_figure({"all videos": curves["det"]}),
                "DET",
                "Both errors, on axes that stretch the rare ones; the EER is where it meets the thin line.",
            ),
            Picture(
                "calibration",
                draw.calibration_figure({"all videos": curves["calibration"]}),
                "Calibration",
                "On the dashed line P(fake) means what it says, in a set with this share of fakes. Bigger marks hold "
                "more videos; bars are Wilson's 95 % intervals.",
            ),
        ),
    )


def _coverage(metrics: Metrics) -> Section:
    found = metrics["coverage"]
    statuses = list(dict.fromkeys([*found["real"], *found["fake"]]))
    rows = tuple(
        (status.replace("_", " "), str(found["real"].get(status, 0)), str(found["fake"].get(status, 0)))
        for status in statuses
    )
    text = [f"{found['n_scored']} of {found['n']} videos got a score; none was given 0.5 for want of one."]
    if found["mean_of_scored"] is not None:
        text.append(f"Of a scored video {100 * found['mean_of_scored']:.0f} % could be analysed on average.")
    tables = [Table(("status", "genuine", "fake"), rows)]
    reasons = tuple(
        (entry["status"].replace("_", " "), Path(example["path"]).name, example["reason"] or "no reason given")
        for entry in found["reasons"]
        for example in entry["examples"]
    )
    if reasons:
        tables.append(Table(("status", "for example", "reason"), reasons, "Why some have no score", words=True))
    return Section("Coverage", (" ".join(text),), tables=tuple(tables))


def _groups(metrics: Metrics) -> Section:
    tables = []
    for name, key, note in (
        ("By data set", "datasets", ""),
        ("By method", "methods", "Each method's fakes against all genuine videos of its data set."),
    ):
        rows = tuple(_group_row(group, row) for group, row in metrics[key].items())
        head = ("", "genuine / fake", *_ROW.values())
        if key == "methods" and metrics["worst_method"] and len(rows) > 1:
            note += f" Worst by AUROC: {metrics['worst_method']}."
        if rows:
            tables.append(Table(head, rows, name, note))
    return Section("Data sets and methods", tables=tuple(tables))


def _group_row(name: str, row: Metrics) -> tuple[str, ...]:
    counts = f"{row['n_real']} / {row['n_fake']}"
    if row["n_unscored"]:
        counts += f"\n{row['n_unscored']} not scored"
    return (name, counts, *(cell(row, figure) for figure in _ROW))


def _use(metrics: Metrics, curves: Mapping[str, Any]) -> Section:
    points = metrics["operating_points"]
    rows = []
    for name, row in points["points"].items():
        title = name if name == "in force" else f"stored FPR-{name[3:]} % limit"
        rows.append((title, cell(row, "fpr"), cell(row, "tpr"), cell(row, "ppv")))
    share = points["prevalence"]
    note = (
        f"Predictive value: where {100 * share:g} % of media are fakes, the share of fakes among those that are called "
        "fake. Its interval takes both shares at the ends of their own (Wilson), so that no false alarm among a few "
        "genuine videos is not read as none at all."
    )
    head = ("operating point", "False alarms", "Hits", f"Predictive value at {100 * share:g} %")
    area = metrics["risk_coverage_area"]
    picture = Picture(
        "risk",
        draw.risk_coverage_figure({"all videos": curves["risk_coverage"]}),
        "Risk and coverage",
        f"If only the surest verdicts are given, this share of them is wrong; area under the curve {area:.4f}. What "
        "could not be scored is never covered.",
    )
    return Section("In use", tables=(Table(head, tuple(rows), note=note),), pictures=(picture,))


def _slice(entry: Metrics) -> Section:
    rows, hidden = [], []
    for value, row in entry["rows"].items():
        counts = f"{row['n_real']} / {row['n_fake']}"
        if len(row["hidden"]) == 2:
            hidden.append(f"{value} ({counts})")
            continue
        rows.append((value, counts, cell(row, "fpr"), cell(row, "recall"), cell(row, "auc")))
    note = (
        f"A share of fewer than {entry['smallest']} videos is hidden (–): it would say more about chance than about "
        "the group. Intervals of shares are Wilson's."
    )
    if hidden:
        note += f" Hidden altogether (genuine / fake): {', '.join(hidden)}."
    column = entry["column"].removeprefix("group_")
    head = (column, "genuine / fake", "False alarms", "Hits", "AUROC")
    return Section(f"Slices by {column}", tables=(Table(head, tuple(rows), note=note),))


def _against(name: str, entry: Metrics) -> Section:
    test = entry["delong"]
    sure = test["p_value"] < 0.05
    text = (
        f"On the {entry['n_real']} genuine and {entry['n_fake']} fake videos that both scored, the AUROC of this model "
        f"is {test['auc_a']:.3f} and that of {name} {test['auc_b']:.3f}: a difference of {test['difference']:+.3f}, "
        f"standard error {test['standard_error']:.3f}, p = {_p(test['p_value'])} (DeLong). "
        + ("It is more than chance would give." if sure else "That may be chance.")
        + (
            f" Scored by this model only: {entry['only_a']}, by the other only: {entry['only_b']}; they are left out."
            if entry["only_a"] or entry["only_b"]
            else ""
        )
    )
    rows = tuple(
        (
            NAMES[figure],
            number(row["a"]),
            number(row["b"]),
            f"{row['difference']:+.3f}\n{row['low']:+.3f} to {row['high']:+.3f}",
            _p(row["p"]),
        )
        for figure, row in entry["bootstrap"].items()
    )
    note = "Paired bootstrap: the same videos are drawn for both. p counts draws beyond zero, for both sides."
    table = Table(("", "this model", name, "difference", "p"), rows, note=note)
    return Section(f"Against {name}", (text,), tables=(table,))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _matrix(entry: Metrics) -> Section:
    rows = []
    for model in entry["models"]:
        cells = []
        for dataset in entry["datasets"]:
            made = entry["cells"][model][dataset]
            counts = "" if made is None else f"n = {made['n_real']} / {made['n_fake']}"
            cells.append(_NONE if made is None else f"{cell(made, 'auc')}\n{counts}")
        rows.append((model, *cells))
    note = "AUROC at video level, its interval and n (genuine / fake). – : no scores of both classes."
    table = Table(("trained on", *(f"tested on {name}" for name in entry["datasets"])), tuple(rows), note=note)
    return Section("Trained on, tested on", tables=(table,))


def _speech(cases: Sequence[Any]) -> Section:
    pictures = []
    for place, case in enumerate(cases):
        truth = "fake" if case.label else "genuine"
        word = "rightly" if case.right else "wrongly"
        called = truth if case.right else ("genuine" if case.label else "fake")
        pictures.append(
            Picture(
                f"speech{place}",
                mel_spectrogram_figure(case.waveform, 16_000, case.start_s),
                f"{truth.capitalize()}, {word} called {called}",
                f"{Path(case.path).name} from {case.start_s:.1f} s, P(fake) {case.p_fake:.3f}. 80 mel bands, brightest "
                "is loudest, down to 80 dB below.",
            )
        )
    missing = 4 - len({(case.label, case.right) for case in cases})
    text = (
        "The windows of sound that were judged most surely, right and wrong. A window has its video's label: where "
        "only the picture was altered, its sound is genuine and no sign of the fake can be in it."
    )
    if missing:
        text += " Kinds that are not shown did not occur, or their files are gone."
    return Section("Speech, right and wrong", (text,), pictures=tuple(pictures))


def _reading() -> Section:
    return Section(
        "How this was made",
        (
            "Unit: the video, told by data set, method and name together. Intervals: 1000 bootstrap draws of whole "
            "videos, so that the frames of one video stay together. EER as ASVspoof defines it: the mean of both "
            "errors where they are nearest. ECE over 15 bins of equal width. A video without a score is counted under "
            "Coverage and is in no other figure, except where the table says that it counts as wrong.",
        ),
    )
