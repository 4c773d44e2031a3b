"""The loop: what a run leaves, exact resume, stopping, accumulation, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from deepfake_hf.errors import DataError, MissingDependencyError, UsageError
from deepfake_hf.training import loop
from deepfake_hf.training.run import train
from deepfake_hf.training.stage import HeldOut
from tests.training.making import face_shards, tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"))


def lines(run: Path, kind: str) -> list[dict[str, Any]]:
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in log if line["kind"] == kind]


def test_a_run_leaves_what_it_did(data: Path, tmp_path: Path) -> None:
    train(tiny(data, tmp_path))
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["data"]["batch"] == 4
    versions = json.loads((tmp_path / "versions.json").read_text())
    assert versions["torch"] == torch.__version__.split("+")[0] and versions["processes"] == 1
    held = lines(tmp_path, "evaluation")
    assert [line["step"] for line in held] == [2, 4] and {"auc", "f1", "held_out_loss", "epoch"} <= set(held[0])
    assert lines(tmp_path, "training")[-1]["gradient_norm"] > 0
    for name in ("curves.png", "confusion.png"):
        assert np.asarray(Image.open(tmp_path / name)).std() > 5
    assert {path.name for path in (tmp_path / "last").iterdir()} == {
        path.name for path in (tmp_path / "model").iterdir()
    }


class Interrupted(Exception):
    pass


def interrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The next run dies before step ``at`` is done, behind its last checkpoint."""
    after = loop.Run._after_step

    def die(self: loop.Run, loss: float) -> None:
        if self.at.step == at:
            raise Interrupted
        after(self, loss)

    monkeypatch.setattr(loop.Run, "_after_step", die)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("loop.accumulate=2", "schedule.name=plateau", "loop.ema_decay=0", "optimiser.freeze={'^backbone': 0.6}"),
        ("schedule.name=cosine", "model.dropout=0.5", "optimiser.name=adam", "loop.precision=bf16"),
    ],
    ids=["one cycle, averaged", "accumulated, plateau, thawing", "cosine, dropout, bf16"],
)
def test_resume_ends_with_the_same_weights_bit_by_bit(
    settings: tuple[str, ...], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("loop.steps=7", "loop.checkpoint_every=3", "loop.evaluate_every=4", *settings)
    train(tiny(data, tmp_path / "whole", *asked))
    with monkeypatch.context() as patch:
        interrupt(patch, at=6)
        with pytest.raises(Interrupted):
            train(tiny(data, tmp_path / "parts", *asked))
    torch.rand(11)  # another random state
    train(tiny(data, tmp_path / "parts", *asked, "loop.workers=1"), resume=True)
    for name in ("last", "model"):
        whole, parts = (load_file(tmp_path / run / name / "model.safetensors") for run in ("whole", "parts"))
        assert all(torch.equal(tensor, parts[key]) for key, tensor in whole.items())
    logs = [lines(tmp_path / run, "evaluation") for run in ("whole", "parts")]
    assert [{**line, "seconds": 0} for line in logs[0]] == [{**line, "seconds": 0} for line in logs[1]]


def test_a_run_out_of_time_can_go_on(data: Path, tmp_path: Path) -> None:
    train(tiny(data, tmp_path / "whole"))
    train(tiny(data, tmp_path / "parts", "loop.minutes=0"))
    assert not (tmp_path / "parts" / "metrics.json").exists()
    train(tiny(data, tmp_path / "parts"), resume=True)
    whole, parts = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(tensor, parts[key]) for key, tensor in whole.items())


def test_accumulated_parts_make_the_same_step(data: Path, tmp_path: Path) -> None:
    # without batch norm, a step is the same in one part or in three of unequal size
    asked = (
        "backbone=test_convnext",
        "model.dropout=0",
        "loop.steps=3",
        "data.batch=5",
        "data.self_blends=1",
        "loop.evaluate_every=3",
    )
    train(tiny(data, tmp_path / "one", *asked))
    train(tiny(data, tmp_path / "three", *asked, "loop.accumulate=3"))
    one, three = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("one", "three"))
    assert all(torch.allclose(tensor, three[key], atol=2e-4) for key, tensor in one.items())
    losses = [lines(tmp_path / run, "training")[-1]["loss"] for run in ("one", "three")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_it_stops_when_nothing_gets_better(data: Path, tmp_path: Path) -> None:
    train(tiny(data, tmp_path, "loop.steps=20", "loop.evaluate_every=1", "loop.patience=2", "loop.ema_decay=0.999",
               "optimiser.learning_rate=1e-9", "loop.metric=auc"))  # fmt: skip
    held = lines(tmp_path, "evaluation")
    assert len(held) < 20 and held[-1]["auc"] <= max(line["auc"] for line in held[:-2])
    assert json.loads((tmp_path / "metrics.json").read_text())["steps"] == len(held)


def test_what_can_not_be_done_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no checkpoint"):
        train(tiny(data, tmp_path / "new"), resume=True)
    train(tiny(data, tmp_path / "run"))
    with pytest.raises(UsageError, match=r"its settings were others \(data.batch: 4 -> 5; seed: 7 -> 8\)"):
        train(tiny(data, tmp_path / "run", "data.batch=5", "seed=8"), resume=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for setting, error, words in (
        ("loop.device=cuda", UsageError, "torch sees no GPU"),
        ("loop.precision=fp16", UsageError, "it needs a GPU"),
        ("preset=resnet", UsageError, "choose of lite_frame"),
        ("preset=aasist", UsageError, "does not read it"),
        ("stage=sync", UsageError, "such systems have classify, head, triplet"),
        ("data.shift_s=[1, 2]", UsageError, "it can't act in classify of lite_frame from faces"),
        ("data.path=/nowhere", DataError, "holds no .parquet file"),
        ("loop.metric=nme", UsageError, "choose of auc"),
        ("backbone=resnet_of_mine", UsageError, "Unknown model"),
        ("model.dropuot=0.1", UsageError, "has no such setting"),
        ("optimiser.learning_rate=1e30", DataError, "training has diverged"),
        ("loop.accumulate=30", UsageError, "raise data.batch"),
    ):
        with pytest.raises(error, match=f"(?i){words}"):
            train(tiny(data, tmp_path / "bad", "loop.clip_norm=null", setting))


@pytest.mark.parametrize("name", ["tensorboard", "trackio"])
def test_a_tracker_is_told_or_missed_by_name(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=rf"tracker {name}.*deepfake-hf\[trackers\]"):
        train(tiny(data, tmp_path, f"loop.trackers=[{name}]"))


def test_trackers_get_losses_and_figures(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker
    from accelerate.utils import LoggerType

    told: list[tuple[int | None, dict[str, Any]]] = []

    class Listener(GeneralTracker):
        name, requires_logging_directory = "trackio", False

        def __init__(self, run_name: str, **_: Any) -> None:
            super().__init__()
            self.run_name = run_name

        tracker = property(lambda self: self)

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            told.append((None, values))

        def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
            told.append((step, values))

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "trackio", Listener)
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: [LoggerType.TRACKIO])
    monkeypatch.setattr(loop.importlib.util, "find_spec", lambda _: True)
    train(tiny(data, tmp_path, "loop.trackers=[trackio]"))
    assert told[0][1]["data.batch"] == 4
    assert {"held_out/auc", "held_out/f1"} <= set(told[1][1]) and told[1][0] == 2
    assert any("learning_rate" in values for step, values in told if step == 4)


def test_a_part_is_scored_in_sample_with_both_classes() -> None:
    labels = np.array([0] * 900 + [1] * 100)  # as manifests have them, one class after the other
    held = HeldOut("dev", list(range(1000)), labels, [f"s{i}" for i in range(1000)])
    part = held.sample(100)
    assert part.items == held.sample(100).items and np.bincount(part.labels).tolist() == [90, 10]
    assert part.groups == [f"s{i}" for i in part.items] and (labels[part.items] == part.labels).all()
    assert held.sample(1000) is held
