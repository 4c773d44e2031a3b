"""Streaming: the rows of shards as they come, the same after a stop, and never all of them at once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.training.face_data import load_faces
from deepfake_hf.training.run import build_stage, train
from deepfake_hf.training.stage_stream import ShardStream
from tests.training.making import face_shards, tiny

ROOT = Path(__file__).resolve().parents[2]
STREAM = ("data.source=stream", "data.balance=none", "data.buffer=10")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_shards(tmp_path_factory.mktemp("faces"), shards=3)


def test_a_pass_holds_every_row_and_a_later_start_skips_right(data: Path) -> None:
    stream = ShardStream(str(data), "train", 10, seed=1)
    per_pass = stream.count()
    stored = sorted(row.encoded for row in load_faces(data, "train"))
    assert per_pass == len(stored)
    rows = list(itertools.islice(stream.shuffled(0, per_pass), 2 * per_pass + 5))
    passes = [rows[:per_pass], rows[per_pass : 2 * per_pass]]
    assert all(sorted(row.encoded for row in part) == stored for part in passes)
    assert [row.encoded for row in passes[0]] != [row.encoded for row in passes[1]]
    for start in (7, per_pass + 3):
        again = list(itertools.islice(stream.shuffled(start, per_pass), 5))
        assert [row.encoded for row in again] == [row.encoded for row in rows[start : start + 5]]


def test_a_streamed_run_resumes_bit_by_bit(data: Path, tmp_path: Path) -> None:
    train(tiny(data, tmp_path / "whole", *STREAM))
    train(tiny(data, tmp_path / "parts", *STREAM, "loop.minutes=0"))
    train(tiny(data, tmp_path / "parts", *STREAM, "loop.workers=1"), resume=True)
    whole, parts = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())


def test_what_a_stream_can_not_do_is_said(data: Path, tmp_path: Path) -> None:
    for setting, error, words in (
        ("data.balance=class", UsageError, "taken as it comes"),
        ("loop.workers=2", UsageError, "one order"),
        (f"data.path={tmp_path}", DataError, r"no \.parquet file"),
    ):
        with pytest.raises(error, match=words):
            build_stage(tiny(data, tmp_path, *STREAM, setting))


# In a process of its own, whose peak is its own.
WALK = """
import resource, sys, itertools
from deepfake_hf.training.stage_stream import ShardStream
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
stream = ShardStream(sys.argv[1], "train", 4, 0)
next(stream.shuffled(0, 10))
before, size = peak(), 0
for row in itertools.islice(stream.shuffled(0, 240), 240):
    size += len(row.encoded)
print(size, peak() - before)
"""


def test_neither_memory_nor_disk_holds_the_data(tmp_path: Path) -> None:
    shards, cache = tmp_path / "shards", tmp_path / "cache"
    shards.mkdir()
    rng = np.random.default_rng(0)
    for shard in range(40):  # 40 x 6 rows of 1 MB; ten shards are open at a time
        rows = [
            {"image": {"bytes": rng.bytes(2**20)}, "label": i % 2, "source_video": "v1", "landmarks_xy": None,
             "split": "train"}
            for i in range(6)
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows), shards / f"{shard:02d}.parquet", row_group_size=3)
    from deepfake_hf.training.face_data import is_set_aside

    assert not is_set_aside("v1")
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(shards)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    size, grown = map(int, done.stdout.split())
    assert size == 240 * 2**20 and grown < size / 2
    assert sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) < 2**20
