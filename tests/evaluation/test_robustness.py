"""Robustness: figures by hand, resume, crops and files with a detector that is easy to fool."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from deepfake_hf.data.manifest import ManifestRow
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.evaluation.bootstrap import grouped_share_interval
from deepfake_hf.evaluation.robustness import Answer, Item, ScoreFile, StepFigures, draw, run_robustness, step_figures
from deepfake_hf.evaluation.robustness_scorers import CropsScorer, MediaScorer, read_crops
from deepfake_hf.evaluation.robustness_table import to_csv, to_curves, to_json, to_markdown
from deepfake_hf.labels import FAKE, REAL
from deepfake_hf.media import Sampling, read_audio, read_image, write_audio
from deepfake_hf.media.perturb_grid import choose
from deepfake_hf.report.robustness_figure import robustness_figure
from deepfake_hf.types import AudioTrack, DetectionResult, Status, Verdict


def answers(*scores: float | None, limit: float = 0.5) -> list[Answer]:
    return [
        Answer(None, False, "no_face", "none") if score is None else Answer(score, score >= limit) for score in scores
    ]


def test_figures_by_hand() -> None:
    items = [Item(str(i), label, str(i)) for i, label in enumerate([REAL, REAL, REAL, FAKE, FAKE, FAKE])]
    clean = answers(0.1, 0.2, 0.6, 0.7, 0.9, 0.4)
    after = answers(0.5, 0.1, None, 0.3, 0.8, 0.2)
    (step,) = choose(["blur"], [3])
    row = step_figures(step, items, clean, after)
    assert (row.step, row.value, row.n_real, row.n_fake) == ("blur-13", 13, 3, 3)
    assert row.scored == pytest.approx(5 / 6) and row.statuses == {"scored": 5, "no_face": 1}
    assert row.auc == pytest.approx(4 / 6)  # of the pairs (0.5, 0.1) against (0.3, 0.8, 0.2): 1 + 3
    assert row.auc_clean == pytest.approx(8 / 9)  # of all six as they were: only 0.4 is below 0.6
    assert row.fpr == pytest.approx(1 / 2) and row.tpr == pytest.approx(1 / 3)
    assert row.flips == pytest.approx(2 / 5) and (row.to_fake, row.from_fake) == (1, 1)
    alone = step_figures(None, items, clean, clean)
    assert alone.step == "clean" and alone.flips is None and alone.fpr == pytest.approx(1 / 3)


def test_steps_that_are_not_for_an_item_are_left_out() -> None:
    items = [Item("a", REAL, "a"), Item("b", FAKE, "b")]
    (step,) = choose(["mp3"], [1])
    row = step_figures(step, items, answers(0.1, 0.9), [None, Answer(0.8, True)])
    assert (row.n_real, row.n_fake, row.auc, row.fpr, row.tpr) == (0, 1, None, None, 1.0)
    nothing = step_figures(step, items, answers(0.1, 0.9), answers(None, None))
    assert nothing.scored == 0.0 and nothing.auc is None and nothing.flips is None


def test_interval_of_a_share() -> None:
    # none of 100: the rule of three's exact brother, (1 - p) ** 100 = 0.025
    assert grouped_share_interval([False] * 100, range(100)) == (0.0, pytest.approx(0.0362, abs=1e-4))
    assert grouped_share_interval([True] * 5, range(5)) == (pytest.approx(0.4782, abs=1e-4), 1.0)
    wide = grouped_share_interval(np.arange(40) % 2 == 0, np.arange(40))
    assert wide[0] == pytest.approx(0.5 - 1.96 * (0.25 / 40) ** 0.5, abs=0.03)  # the normal approximation
    one_group = grouped_share_interval([True, False], [0, 0])
    assert one_group == (0.5, 0.5)


def test_drawing_takes_classes_in_turn() -> None:
    items = [Item(str(i), int(i % 5 == 0), str(i)) for i in range(50)]
    drawn = draw(items, 12, 0)
    assert [item.label for item in drawn].count(FAKE) == 6 and drawn == draw(items, 12, 0) != draw(items, 12, 1)
    assert [int(item.key) for item in drawn] == sorted(int(item.key) for item in drawn)
    assert [item.label for item in draw(items, 30, 0)].count(FAKE) == 10
    assert draw(items, None, 0) == items == draw(items, 99, 0)


class BrightBranch:
    """Takes dark pictures for genuine and bright ones for fake."""

    def __init__(self) -> None:
        self.seen = 0

    def score(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(crops)
        return np.array([(crop.mean() - 100) / 10 for crop in crops])


def shards(folder: Path, number: int = 6) -> Path:
    rows = []
    for i in range(number):
        file = io.BytesIO()
        Image.fromarray(np.full((32, 32, 3), 60 + 80 * (i % 2), np.uint8)).save(file, "JPEG")
        rows.append(
            {"image": {"bytes": file.getvalue(), "path": None}, "label": i % 2, "video": f"v{i}",
             "source_video": f"s{i // 2}", "split": "validation" if i < 4 else "train"}
        )  # fmt: skip
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "faces-0.parquet")
    return folder


def test_crops_are_scored_and_a_second_run_goes_on(tmp_path: Path) -> None:
    crops = read_crops(shards(tmp_path / "shards"), "validation")
    assert [(crop.label, crop.source) for crop in crops] == [(0, "s0"), (1, "s0"), (0, "s1"), (1, "s1")]
    branch = BrightBranch()
    scorer = CropsScorer(crops, branch, 0.5, {"weights": "bright"})
    path = tmp_path / "out" / "scores.jsonl"

    def run(only: list[str], levels: list[int]) -> list[StepFigures]:
        scores = ScoreFile(path, scorer.settings)
        rows = run_robustness(scorer, scorer.items, choose(only, levels), scores)
        scores.close()
        return rows

    rows = run(["contrast", "h264", "mp3"], [1, 5])
    assert branch.seen == 4 * 5  # clean, contrast twice, H.264 twice; MP3 is not for pictures
    assert [row.step for row in rows] == ["clean", "contrast-0.85", "contrast-0.35", "h264-30", "h264-40"]
    assert rows[0].tpr == 1.0 and rows[0].fpr == 0.0 and rows[0].auc == 1.0
    assert rows[2].tpr == 0.0 and rows[2].flips == 0.5 and rows[2].from_fake == 2  # 140 * 0.35 is dark
    path.write_text(path.read_text()[:-25])  # cut off in the middle of a line
    assert run(["contrast"], [1, 5]) == rows[:3] and branch.seen == 20
    assert run(["contrast", "h264", "mp3"], [1, 5]) == rows
    assert run(["contrast", "h264", "mp3"], [1, 5]) == rows and branch.seen == 20  # the cut line was an MP3's
    other = CropsScorer(crops, branch, 0.9, {"weights": "bright"})
    with pytest.raises(UsageError, match=r"limit 0\.5, now 0\.9"):
        ScoreFile(path, other.settings)


def test_crops_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train2"):
        read_crops(shards(tmp_path / "shards"), "train2")
    pq.write_table(pa.table({"image": [1]}), tmp_path / "wrong.parquet")
    with pytest.raises(DataError, match="face crops"):
        read_crops(tmp_path / "wrong.parquet")
    broken = read_crops(shards(tmp_path / "shards"))[:1]
    broken = [type(broken[0])(b"no picture", REAL, "s", "v")]
    scorer = CropsScorer(broken, BrightBranch(), 0.5, {})
    (answer,) = scorer.answers(scorer.items[0], [None])
    assert answer is not None and answer.status == "unreadable"


def result(path: Path, p_fake: float | None) -> DetectionResult:
    status = Status.NO_FACE if p_fake is None else Status.SCORED
    verdict = None if p_fake is None else Verdict.FAKE if p_fake >= 0.5 else Verdict.REAL
    return DetectionResult(
        str(path), status, verdict, p_fake, "", None, None, None, 1.0, None, (), (), (), (), "", None, "", {}
    )


def test_files_go_through_the_detector(tmp_path: Path) -> None:
    for name, value in (("dark", 40), ("bright", 200)):
        Image.fromarray(np.full((48, 48, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    write_audio(tmp_path / "hum.wav", AudioTrack(np.full(16_000 * 3, 0.2, np.float32), 16_000), "wav")
    (tmp_path / "broken.mp4").write_text("no film")
    rows = [
        ManifestRow(str(tmp_path / "dark.png"), REAL),
        ManifestRow(str(tmp_path / "bright.png"), FAKE),
        ManifestRow(str(tmp_path / "hum.wav"), REAL),
        ManifestRow(str(tmp_path / "broken.mp4"), FAKE),
        ManifestRow(str(tmp_path / "gone.mp4"), FAKE),
    ]

    def predict(path: Path, sampling: Sampling) -> DetectionResult:
        if path.suffix == ".png":
            return result(path, float(read_image(path).rgb.mean()) / 255)
        return result(path, min(1.0, sum(block.duration_s for block in read_audio(path, 16_000)) / 10))

    scorer = MediaScorer(rows, predict, {"weights": "bright"})
    scores = ScoreFile(tmp_path / "scores.jsonl", scorer.settings)
    told: list[tuple[int, int]] = []
    steps = choose(["contrast", "length"], [5, 3])
    figures = run_robustness(scorer, scorer.items, steps, scores, lambda done, total: told.append((done, total)))
    scores.close()
    by_step = {row.step: row for row in figures}
    assert by_step["clean"].statuses == {"scored": 3, "unreadable": 2} and by_step["clean"].scored == 0.6
    assert by_step["contrast-0.35"].from_fake == 1 and by_step["contrast-0.35"].n_real == 1
    assert by_step["length-2"].n_real == 1 and by_step["length-2"].fpr == 0.0
    held = scores.get(scorer.items[2], "length-2")
    assert held is not None and held.p_fake == pytest.approx(0.2, abs=0.001)
    assert told[-1] == (20, 20)


def test_tables_and_curves() -> None:
    items = [Item(str(i), i % 2, str(i)) for i in range(8)]
    clean = answers(*[0.1 + 0.1 * i for i in range(8)])
    rows = [step_figures(None, items, clean, clean)]
    rows += [step_figures(step, items, clean, answers(*[0.5] * 8)) for step in choose(["blur", "jpeg"], [1, 2])]
    lines = to_markdown(rows).splitlines()
    assert len(lines) == 2 + 5 and lines[2].startswith("| clean | – | 4 | 4 | 1.00 |")
    assert "| Gaussian blur, kernel px | 7 | 4 | 4 | 1.00 | 0.500 (0.500 to 0.500) |" in lines[3]
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert float(table[1]["auc_low"]) == 0.5 and table[1]["statuses"] == "scored=8"
    plain = json.loads(to_json(rows, {"seed": 0}))
    assert plain["settings"] == {"seed": 0} and plain["rows"][1]["auc"] == 0.5
    curves = to_curves(rows)
    assert [curve.ticks for curve in curves] == [("clean", "7", "9"), ("clean", "100", "80")]
    figure = robustness_figure(curves, "8 items")
    panels = figure.axes
    assert len(panels) == 2 and panels[0].get_title(loc="left") == "Gaussian blur, kernel px"
    assert panels[1].lines[0].get_ydata().tolist() == pytest.approx([rows[0].auc, 0.5, 0.5])
