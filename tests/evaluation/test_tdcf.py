"""Min t-DCF against a hand-worked value and against every threshold tried one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfake_hf.errors import DataError
from deepfake_hf.evaluation.tdcf import AsvScores, min_tdcf, read_asv_scores


def test_by_hand() -> None:
    # The ASV system parts targets from non-targets at 1 without an error and accepts half of the spoofs:
    # C1 = 0.9405, C2 = 10 * 0.05 * 0.5 = 0.25. The detector misses one spoof of four at no false alarm:
    # 0.25 * 0.25 / 0.25 = 0.25; rejecting everything from 0.3 on would cost 0.9405 / 4 / 0.25.
    asv = AsvScores(np.array([1.0, 2.0]), np.array([-1.0, 0.0]), np.array([1.5, 0.5]))
    labels, scores = [0, 0, 0, 0, 1, 1, 1, 1], [0.0, 0.1, 0.2, 0.4, 0.3, 0.7, 0.8, 0.9]
    assert min_tdcf(labels, scores, asv) == pytest.approx(0.25)
    assert min_tdcf([0, 0, 1, 1], [0.0, 0.1, 0.8, 0.9], asv) == 0.0
    assert min_tdcf([0, 0, 1, 1], [0.8, 0.9, 0.0, 0.1], asv) == pytest.approx(1.0)


def test_every_threshold() -> None:
    rng = np.random.default_rng(0)
    asv = AsvScores(rng.normal(3, 1, 300), rng.normal(0, 1, 300), rng.normal(2, 1, 300))
    labels = rng.integers(0, 2, 200)
    scores = np.round(rng.normal(1.5 * labels, 1.0), 1)
    pairs = []
    for t in np.sort(np.concatenate((asv.target, asv.nontarget))):
        pairs.append((abs((asv.target < t).mean() - (asv.nontarget >= t).mean()), t))
    t = min(pairs)[1]
    c1 = 0.9405 * (1 - (asv.target < t).mean()) - 0.0095 * 10 * (asv.nontarget >= t).mean()
    c2 = 10 * 0.05 * (asv.spoof >= t).mean()
    costs = [
        c1 * (scores[labels == 0] >= s).mean() + c2 * (scores[labels == 1] < s).mean()
        for s in [*np.unique(scores), np.inf]
    ]
    assert min_tdcf(labels, scores, asv) == pytest.approx(min(costs) / min(c1, c2))


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "asv.txt"
    path.write_text("bonafide target 2.5\nbonafide nontarget -1\nA07 spoof 0.5\n\n")
    asv = read_asv_scores(path)
    assert (asv.target.tolist(), asv.nontarget.tolist(), asv.spoof.tolist()) == ([2.5], [-1.0], [0.5])
    path.write_text("bonafide target 2.5\nbonafide impostor -1\n")
    with pytest.raises(DataError, match="line 2"):
        read_asv_scores(path)
    path.write_text("bonafide target 2.5\n")
    with pytest.raises(DataError, match="nontarget"):
        read_asv_scores(path)
