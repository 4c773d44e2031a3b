"""The options of ``train.py`` that are more than a value."""

from __future__ import annotations

import pytest
from typer import BadParameter
from typer.testing import CliRunner

from deepfake_hf.cli.train import app
from deepfake_hf.cli.train_stages import _size_ladder


def test_a_ladder_of_sizes() -> None:
    assert _size_ladder("160:0.35,192:1") == [[0.35, 160], [1.0, 192]]
    assert _size_ladder("224:1") == [[1.0, 224]]


@pytest.mark.parametrize("text", ["160", "a:b", "160:", ""])
def test_other_ladders_are_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="--sizes"):
        _size_ladder(text)


def test_every_command_has_help() -> None:
    made = CliRunner().invoke(app, ["--help"])
    assert made.exit_code == 0
    for name in (
        "face",
        "face-siamese",
        "speech",
        "speech-data",
        "landmarks",
        "bundle",
        "card",
        "publish",
        "results",
        "reconstructor",
    ):
        assert name in made.output
