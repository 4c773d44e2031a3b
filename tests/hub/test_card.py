"""The card says what was measured, about the bundle that is in the box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepfake_hf.errors import BundleError
from deepfake_hf.hub.bundle import EMBEDDED, open_bundle
from deepfake_hf.hub.card import FIGURES, render_card
from tests.tiny_bundle import write_tiny_bundle

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_card_is_the_one_of_the_embedded_figures() -> None:
    assert (ROOT / "model_card.md").read_text() == render_card(open_bundle())


def test_the_card_quotes_the_measured_auc_with_its_n() -> None:
    face = json.loads((EMBEDDED / FIGURES).read_text())["face"]
    card = render_card(open_bundle())
    assert f"{face['auc']:.3f}" in card and str(face["n_real"]) in card and str(face["n_fake"]) in card


def test_a_bundle_without_figures_gets_no_card(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no card"):
        render_card(write_tiny_bundle(tmp_path / "tiny"))
