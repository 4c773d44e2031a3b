"""Two processes on one machine learn what one does from the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from deepfake_hf.training.config import plain
from deepfake_hf.training.run import train
from tests.training.making import face_shards, tiny

ROOT = Path(__file__).resolve().parents[2]


TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def start_two(config: Path, out: Path, program: str = "train.py") -> None:
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = ["classify", "--config", str(config), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, *TWO, str(ROOT / program), *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    data = face_shards(tmp_path)
    # without batch norm, whose statistics each process takes of its own part
    changes = ("backbone=test_convnext", "model.dropout=0", "data.batch=5", "loop.steps=4", "loop.accumulate=2")
    config = tiny(data, tmp_path / "one", *changes)
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(plain(config)))
    train(config)
    start_two(tmp_path / "settings.yaml", tmp_path / "two")
    facts = [json.loads((tmp_path / run / "versions.json").read_text()) for run in ("one", "two")]
    assert [fact["processes"] for fact in facts] == [1, 2] and facts[1]["distributed"].endswith("CPU")
    logs = [[json.loads(line) for line in (tmp_path / run / "log.jsonl").read_text().splitlines()] for run in
            ("one", "two")]  # fmt: skip
    assert len(logs[0]) == len(logs[1]) == 3
    for one, other in zip(*logs, strict=True):
        for name in ("loss", "auc", "f1", "held_out_loss"):
            assert one.get(name) == pytest.approx(other.get(name), abs=1e-4), name
    weights = [load_file(tmp_path / run / "last" / "model.safetensors") for run in ("one", "two")]
    assert all(torch.allclose(tensor, weights[1][name], atol=2e-4) for name, tensor in weights[0].items())


@pytest.mark.slow
def test_two_sharded_processes_equal_one(tmp_path: Path) -> None:
    data = face_shards(tmp_path)
    # six and seven of the thirteen held-out crops: each process must score as often as the other
    changes = ("backbone=test_convnext", "model.dropout=0", "data.batch=5", "loop.steps=4", "loop.ema_decay=0",
               "data.dev_limit=13")  # fmt: skip
    config = tiny(data, tmp_path / "one", *changes)
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(plain(config)))
    train(config)
    start_two(tmp_path / "settings.yaml", tmp_path / "two", "tests/training/fsdp_on_cpu.py")
    assert json.loads((tmp_path / "two" / "versions.json").read_text())["distributed"] == "FSDP"
    one, two = (load_file(tmp_path / name / "last" / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert all(torch.allclose(tensor, two[name], atol=2e-4) for name, tensor in one.items())
    metrics = [json.loads((tmp_path / name / "metrics.json").read_text())["n"] for name in ("one", "two")]
    assert metrics[0] == metrics[1]
