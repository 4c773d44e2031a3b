"""The benchmark: its arithmetic, its record, its picture, and a tiny run of the real thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from deepfake_hf.cli.app import app
from deepfake_hf.evaluation import bench_record
from deepfake_hf.evaluation.bench_check import Pair, summary
from deepfake_hf.evaluation.bench_figure import write_figure
from deepfake_hf.evaluation.bench_inputs import Inputs
from deepfake_hf.evaluation.bench_media import loop_clip, make_clip
from deepfake_hf.evaluation.bench_naive import every_frame
from deepfake_hf.evaluation.bench_processes import peak_memory, resident_mb, run_python
from deepfake_hf.evaluation.bench_run import Plan
from deepfake_hf.evaluation.bench_runtimes import batches
from deepfake_hf.evaluation.bench_stages import stages
from deepfake_hf.evaluation.bench_timing import Row, Schedule, alternate, ratio, scaled
from deepfake_hf.evaluation.bench_whole import threads, whole
from deepfake_hf.hub.bundle import open_bundle
from deepfake_hf.media import EveryNth, read_audio, read_frames

NUMBER = {"type": ["number", "null"]}
SCHEMA = {
    "type": "object",
    "required": ["schema_version", "date", "machine", "commit", "versions", "bundle", "settings", "seconds", "rows",
                 "targets"],
    "additionalProperties": False,
    "properties": {
        "schema_version": {"const": 1},
        "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"},
        "machine": {"type": "object", "required": ["processor", "cores", "threads", "device", "load"]},
        "commit": {"type": ["string", "null"]},
        "versions": {"type": "object", "required": ["deepfake_hf", "torch", "onnxruntime"]},
        "bundle": {"type": "object", "required": ["name", "sha256"]},
        "settings": {"type": "object", "required": ["rounds"]},
        "seconds": {"type": "number"},
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["group", "name", "unit", "values", "note", "median", "min", "max", "n"],
                "additionalProperties": False,
                "properties": {
                    "group": {"enum": ["whole", "runtimes", "stages", "start", "memory", "scaling"]},
                    "name": {"type": "string"}, "unit": {"type": "string"}, "note": {"type": "string"},
                    "values": {"type": "array", "items": {"type": "number"}},
                    "median": NUMBER, "min": NUMBER, "max": NUMBER, "n": {"type": "integer"},
                },
            },
        },
        "targets": {"type": "array", "items": {"type": "object", "required": ["name", "limit", "median", "met"]}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def inputs(work: Path) -> Inputs:
    return Inputs(work, rounds=1, clip_s=2.0, naive_s=0.2, sizes=("360p",), onnx=False)


def test_contestants_take_turns() -> None:
    order: list[str] = []
    seconds = alternate({name: lambda name=name: order.append(name) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3, "c": 3}
    assert all(value >= 0 for values in seconds.values() for value in values)


def test_ratios_are_taken_within_a_round() -> None:
    slow, fast = Row("whole", "slow", "s", (8.0, 80.0, 9.0)), Row("whole", "fast", "s", (1.0, 10.0, 1.0))
    found = ratio("whole", "times", slow, fast)
    assert found.values == (8.0, 8.0, 9.0) and found.median == 8.0
    assert scaled(slow, 0.5, "half", "s").values == (4.0, 40.0, 4.5)
    assert Row("whole", "none", "s", (), "why").to_dict() | {"values": None} == {
        "group": "whole", "name": "none", "unit": "s", "values": None, "note": "why", "median": None, "min": None,
        "max": None, "n": 0,
    }  # fmt: skip


def test_time_left_follows_the_pace() -> None:
    schedule = Schedule({"a": 10.0, "b": 30.0})
    assert schedule.left_s(taken_s=0.0) == 40.0
    schedule.done("a")
    assert 30.0 < schedule.left_s(taken_s=20.0) < 60.0  # twice as slow as thought, but little is known yet


def test_numbers_have_three_figures() -> None:
    given = (0.0, 0.01234, 1.234, 12.34, 99.96, 123.4, 1234.5)
    assert [bench_record.number(value) for value in given] == ["0", "0.0123", "1.23", "12.3", "100", "123", "1,234"]


def some_rows() -> list[Row]:
    return [
        Row("whole", "deepfake-hf 1080p", "s", (2.0, 3.0)),
        Row("whole", "naive, EfficientNet-B4 1080p", "s", (20.0, 30.0), "on a part"),
        Row("whole", "times faster than naive, EfficientNet-B4 1080p", "x", (10.0, 10.0)),
        Row("runtimes", "face, torch fp32", "ms a face", (20.0, 21.0)),
        Row("runtimes", "speech, onnx", "ms a second", (), "no export"),
        Row("stages", "decode 1080p", "s", (1.0, 1.1)),
        Row("start", "import deepfake_hf", "s", (0.3, 0.4)),
        Row("memory", "10 s", "MB", (1000.0,)),
        Row("memory", "60 min", "MB", (1100.0,)),
        Row("scaling", "face fp32, batch 1", "ms a face", (20.0,)),
        Row("scaling", "face fp32, batch 2", "ms a face", (18.0,)),
    ]


def a_record() -> dict[str, Any]:
    return bench_record.record(some_rows(), open_bundle(), "cpu", {"rounds": 2}, 12.3)


def test_the_record_fits_its_schema_and_judges_targets() -> None:
    found = a_record()
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    met = {row["name"]: row["met"] for row in found["targets"]}
    assert met == {
        "times faster than naive, EfficientNet-B4 1080p": True, "60 min": True, "import deepfake_hf": False,
    }  # fmt: skip
    assert found["bundle"]["sha256"] == open_bundle().sha256


def test_the_table_says_what_was_measured_and_what_was_not() -> None:
    page = bench_record.markdown(a_record())
    assert "| import deepfake_hf | < 0.2 s | 0.35 s | missed |" in page
    assert "| deepfake-hf 1080p | 2.5 s | 2 to 3 | 2 |" in page
    assert "- speech, onnx: no export" in page and "- naive, EfficientNet-B4 1080p: on a part" in page


def test_a_page_takes_the_table_between_its_marks() -> None:
    page = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n"
    made = bench_record.insert(page, "new\n", "bench")
    assert made == "before\n<!-- bench -->\nnew\n<!-- /bench -->\nafter\n"
    assert bench_record.insert(made, "new\n", "bench") == made
    assert bench_record.insert("no marks", "new", "bench") is None
    assert bench_record.insert("<!-- /bench --><!-- bench -->", "new", "bench") is None


def test_a_page_may_ask_for_the_targets_alone() -> None:
    short = bench_record.fill("a\n<!-- targets -->\n<!-- /targets -->\nb", a_record())
    assert "| import deepfake_hf | < 0.2 s | 0.35 s | missed |" in short and "| End to end |" not in short
    assert "| End to end |" in bench_record.fill("<!-- bench -->\n<!-- /bench -->", a_record())
    assert bench_record.has_place(short) and not bench_record.has_place("no marks")
    assert bench_record.fill("no marks", a_record()) == "no marks"


def test_the_picture_has_a_panel_for_each_part(tmp_path: Path) -> None:
    found = a_record()
    write_figure(tmp_path / "all.png", found)
    write_figure(tmp_path / "one.png", {**found, "rows": [row for row in found["rows"] if row["group"] == "whole"]})
    with Image.open(tmp_path / "all.png") as whole_page, Image.open(tmp_path / "one.png") as one:
        assert whole_page.width > 1.8 * one.width and whole_page.height > 2 * one.height
        assert np.asarray(whole_page.convert("RGB"))[0, 0].tolist() == [255, 255, 255]


def test_equality_is_counted_by_class() -> None:
    pairs = [
        Pair("a", 0, 0.1, 0.2, "real", "real", 1.0, 8.0),
        Pair("b", 0, 0.6, 0.75, "real", "uncertain", 1.0, 8.0),
        Pair("c", 1, 0.9, 0.7, "fake", "uncertain", 1.0, 8.0),
        Pair("d", 1, None, None, "no_face", "no_face", 1.0, 8.0),
    ]
    found = summary(pairs)
    assert (found["genuine"], found["fake"], found["scored_by_both"]) == (2, 2, 3)
    assert (found["genuine_words_differ"], found["fake_words_differ"]) == (1, 1)
    assert (found["auc_ours"], found["auc_naive"]) == (1.0, 0.5) and found["auc_difference"] == 0.5
    assert found["largest_difference"] == pytest.approx(0.2) and found["times_faster"] == pytest.approx(8.0)
    assert summary(pairs[:2])["auc_ours"] is None


def test_a_looped_clip_goes_on_without_a_gap(work: Path) -> None:
    clip = make_clip(work, "360p", 2.0)
    made = loop_clip(clip, work / "looped.mp4", 5.0)
    with av.open(str(made)) as container:
        assert container.duration is not None and container.duration / 1e6 == pytest.approx(6.0, abs=0.05)
    times = [frame.pts_s for frame in read_frames(made, EveryNth(1))]
    assert len(times) == 180 and np.diff(times) == pytest.approx(1 / 30, abs=1e-3)
    blocks = list(read_audio(made, 16_000))
    assert sum(block.duration_s for block in blocks) == pytest.approx(6.0, abs=0.15)
    assert len(list(every_frame(clip, 7))) == 7
    assert make_clip(work, "360p", 2.0).stat().st_mtime_ns == clip.stat().st_mtime_ns  # found, not made again


@pytest.mark.bench
def test_a_tiny_run_is_faster_than_the_naive_pipeline(inputs: Inputs) -> None:
    rows = {row.name: row for row in whole(inputs)}
    assert all(row.values for row in rows.values())
    for other in ("naive, EfficientNet-B4", "naive, efficientnet_auto_att_b4", "naive, our weights"):
        median = rows[f"times faster than {other} 360p"].median
        assert median is not None and median > 1.5, other
    speed = rows["times real time, sound"].median
    assert speed == pytest.approx(2.0 / rows["sound"].values[0])


@pytest.mark.bench
def test_stages_add_up(inputs: Inputs) -> None:
    rows = {row.name.rsplit(" ", 1)[0]: row for row in stages(inputs, "360p")}
    assert rows["detect"].note == "8 frames, 8 faces, 4 windows of sound, long and short"
    assert all(row.median is not None and row.median > 0 for row in rows.values())
    aggregate, faces = rows["aggregate"].median, rows["classify faces"].median
    assert aggregate is not None and faces is not None and aggregate < faces


@pytest.mark.bench
def test_batches_and_threads_are_scaled(inputs: Inputs) -> None:
    rows = batches(inputs, (1, 2)) + threads(inputs)
    assert [row.name for row in rows[:2]] == ["face fp32, batch 1", "face fp32, batch 2"]
    assert rows[2].name == "360p, threads 1" and all(row.median is not None and row.median > 0 for row in rows)


@pytest.mark.bench
def test_a_new_process_tells_its_memory(inputs: Inputs) -> None:
    found = peak_memory(inputs.clip("360p"), "cpu")
    assert found["peak_mb"] >= found["before_mb"] > 100 and found["windows"] == 9
    assert found["verdict"] in ("real", "fake", "uncertain")
    assert 0 < resident_mb("VmRSS") <= resident_mb("VmHWM")
    assert 0 < run_python(("-c", "import deepfake_hf")) < 30


def test_bad_usage_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "--out", str(tmp_path), "--only", "speed"])
    assert done.exit_code == 2 and "there is no such part" in done.output
    page = tmp_path / "page.md"
    page.write_text("nothing")
    done = CliRunner().invoke(app, ["bench", "--out", str(tmp_path), "--markdown", str(page)])
    assert done.exit_code == 2 and "<!-- bench -->" in done.output
    done = CliRunner().invoke(app, ["bench", "--out", str(tmp_path), "--check", str(tmp_path / "none")])
    assert done.exit_code == 2


def test_a_quick_plan_is_shorter() -> None:
    whole_plan, quick = (Plan(quick).parts(("720p", "1080p")) for quick in (False, True))
    lengths = [sum(part.seconds for parts in plan.values() for part in parts.values()) for plan in (whole_plan, quick)]
    assert lengths[1] < lengths[0] / 3 and lengths[0] < 20 * 60 and list(whole_plan) == list(quick)
    assert list(Plan(only=("stages",)).parts(("720p",))) == ["stages"]
