"""Manifests: what is written comes back, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_hf.data import ManifestRow, missing_files, read_manifest, row_from_fields, write_manifest
from deepfake_hf.errors import DataError
from deepfake_hf.labels import FAKE, REAL


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_what_is_written_comes_back(tmp_path: Path, name: str) -> None:
    rows = [
        ManifestRow(str(tmp_path / "clips" / "ä, b.mp4"), REAL, "set", "", "p1", "s1", "train"),
        ManifestRow("/elsewhere/c.wav", FAKE, "set", "wav2lip", "p1|p2", "s1|s2", "", 0.5, 2.25),
    ]
    write_manifest(tmp_path / name, rows)
    assert read_manifest(tmp_path / name) == rows


def test_paths_below_the_manifest_move_with_it(tmp_path: Path) -> None:
    write_manifest(tmp_path / "old" / "m.csv", [ManifestRow(str(tmp_path / "old" / "a.png"), REAL)])
    (tmp_path / "old").rename(tmp_path / "new")
    assert read_manifest(tmp_path / "new" / "m.csv")[0].path == str(tmp_path / "new" / "a.png")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b.png,Fale,,,", "row 2: label 'Fale'"),
        ("b.png,1,,,", "row 2: label is the number 1"),
        ("b.png,,,,", "row 2: label is empty"),
        (",fake,,,", "row 2: path is empty"),
        ("b.png,fake,dev,,", "row 2: split is 'dev'"),
        ("b.png,fake,,2,1", "row 2: end_s 1.0 is not after start_s 2.0"),
        ("b.png,fake,,soon,", "row 2: start_s is 'soon'"),
        ("b.png,fake,,nan,", "row 2: start_s is nan"),
        ("a.png,fake,,,", "row 2 repeats row 1"),
        ("b.png,fake,,,,8", "row 2: unknown columns ['more fields than the header']"),
    ],
)
def test_the_bad_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path, f"path,label,split,start_s,end_s\na.png,real,,,\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_manifest(path)
    assert said in str(caught.value) and str(path) in str(caught.value)


def test_many_bad_rows_are_counted_and_the_first_ten_named(tmp_path: Path) -> None:
    path = written(tmp_path, "path,label\n" + "a.png,nothing\n" * 25)
    with pytest.raises(DataError, match=r"25 bad rows.*row 10.*and 15 more"):
        read_manifest(path)


def test_unknown_columns_and_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown columns \['speaker'\]"):
        read_manifest(written(tmp_path, "path,label,speaker\na.wav,real,7\n"))
    with pytest.raises(DataError, match="no rows"):
        read_manifest(written(tmp_path, "path,label\n"))
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path / "gone.csv")


def test_missing_files_are_listed_once(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    here, gone = str(tmp_path / "a.wav"), str(tmp_path / "b.wav")
    rows = [ManifestRow(here, REAL), ManifestRow(gone, REAL, end_s=1.0), ManifestRow(gone, FAKE, start_s=1.0)]
    assert missing_files(rows) == [gone]


@given(st.text(max_size=12), st.text(max_size=8))
def test_no_text_makes_an_error_that_is_not_named(path: str, label: str) -> None:
    try:
        assert row_from_fields({"path": path, "label": label}).label in (REAL, FAKE)
    except ValueError as error:
        assert "label" in str(error) or "path" in str(error)
