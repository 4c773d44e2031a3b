"""A tiny bundle, and a scan with a predict callable that obeys its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from deepfake_hf.scan.collector import Progress
from deepfake_hf.scan.run import Work, scan
from deepfake_hf.scan.settings import Settings
from tests.scan.predicting import load
from tests.tiny_bundle import write_tiny_bundle

TWO = Work(workers=2)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bundle(tmp_path_factory.mktemp("weights") / "tiny").path)


def rows(out: Path, table: str = "files") -> list[dict[str, Any]]:
    """A table of a results folder, by path."""
    read: list[dict[str, Any]] = ds.dataset(out / table, format="parquet").to_table().to_pylist()
    return sorted(read, key=lambda row: row["path"])


def names(found: list[dict[str, Any]]) -> list[str]:
    return [Path(row["path"]).name for row in found]


@pytest.fixture
def media(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of files with these contents."""

    def make(**contents: str) -> Path:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for name, content in contents.items():
            (folder / f"{name}.mp4").write_text(content)
        return folder

    return make


@pytest.fixture
def obey(tmp_path: Path, bundle: str) -> Callable[..., Progress]:
    """Scans into ``out`` with :mod:`tests.scan.predicting`; what is analysed stands in ``log``."""

    def run(*sources: Path | str, work: Work = TWO, out: str = "out", **options: Any) -> Progress:
        settings = replace(Settings(bundle=bundle), **options.pop("settings", {}))
        loading = options.pop("load", partial(load, tmp_path / "log"))
        return scan([str(source) for source in sources], tmp_path / out, settings, work, load=loading, **options)

    return run
