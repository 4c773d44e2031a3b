"""What can be named as a source."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepfake_hf.errors import MediaError, MissingDependencyError, UnsupportedMediaError, UsageError
from deepfake_hf.scan.listing import list_paths
from deepfake_hf.scan.remote import local_file
from tests.scan.conftest import names, rows


def listed(*sources: object, column: str = "path") -> list[str]:
    return list(list_paths([str(source) for source in sources], column, pytest.fail))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.PNG", "deep/c.wav", "deep/notes.txt", ".hidden.mp4", ".git/d.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "in"


def test_folders_globs_and_files(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    everything = [str(archive / name) for name in ("a.PNG", "b.mp4", "deep/c.wav")]
    assert listed(archive) == listed("in") == everything
    assert listed(archive / "**" / "*.wav", "in/b.mp4") == [everything[2], everything[1]]
    assert listed("gone.mp4") == [str(archive.parent / "gone.mp4")]  # gets an error of its own
    said: list[str] = []
    assert list(list_paths(["in/*.mkv", "in/.git"], "path", said.append)) == [str(archive / ".git" / "d.png")]
    assert len(said) == 1 and said[0].startswith("in/*.mkv: no media file")


def test_lists_and_tables_name_files_beside_them(archive: Path) -> None:
    paths = ["b.mp4", "/else/where.mp4", "s3://bucket/x.mp4"]
    (archive / "list.txt").write_text("# mine\n" + "\n\n".join(paths))
    (archive / "list.csv").write_text("label,path\n" + "".join(f"1,{path}\n" for path in paths))
    pq.write_table(pa.table({"file": paths, "n": [1, 2, 3]}), archive / "list.parquet")
    expected = [str(archive / "b.mp4"), *paths[1:]]
    assert listed(archive / "list.txt") == listed(archive / "list.csv") == expected
    assert listed(archive / "list.parquet", column="file") == expected
    for name in ("list.csv", "list.parquet"):
        with pytest.raises(UsageError, match=r"no column .video..*--column"):
            listed(archive / name, column="video")
    (archive / "bad.parquet").write_text("no table")
    for name in ("bad.parquet", "gone.csv"):
        with pytest.raises(UsageError, match="cannot be read"):
            listed(archive / name)


def test_addresses_are_listed_fetched_and_named_in_rows(
    archive: Path, obey: Callable[..., Any], tmp_path: Path
) -> None:
    # A zip file is the one kind of remote store that needs neither a network nor another package.
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in {"in/a.mp4": "ok a", "in/b.mp4": "broken b", "in/x.txt": "a.mp4\ngone.mp4\n"}.items():
            file.writestr(name, content)
    a, b, gone = (f"zip://in/{name}.mp4::file://{packed}" for name in ("a", "b", "gone"))
    assert listed(f"zip://in::file://{packed}") == listed(f"zip://in/*.mp4::file://{packed}") == [a, b]
    assert listed(f"zip://in/x.txt::file://{packed}") == [a, gone]
    obey(f"zip://in::file://{packed}", gone)
    (row,) = rows(tmp_path / "out")
    assert (row["path"], row["reason"], row["size_bytes"]) == (a, f"{a}: read", 4)
    found = {row["path"]: (row["status"], row["what"]) for row in rows(tmp_path / "out", "errors")}
    assert found == {b: ("unreadable", b), gone: ("unfetched", gone)}
    with pytest.raises(MediaError, match="could not be fetched"), local_file(gone, 99):
        pass
    with pytest.raises(UnsupportedMediaError, match="larger"), local_file(a, 3):
        pass


def test_stores_that_are_not_installed_or_unknown_are_said() -> None:
    with pytest.raises(UsageError, match="cannot be opened"):
        listed("nowhere://a/b.mp4")
    try:
        import s3fs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match=r"deepfake-hf\[remote\]"):
            listed("s3://bucket/b.mp4")


def test_a_name_that_is_no_text_is_an_error(obey: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.mp4")).write_text("ok")
    (tmp_path / "in" / "a.mp4").write_text("ok")
    obey(tmp_path / "in")
    assert names(rows(tmp_path / "out")) == ["a.mp4"]
    (error,) = rows(tmp_path / "out", "errors")
    assert error["path"].endswith(r"\xff.mp4") and "UTF-8" in error["why"]


def test_web_addresses_through_aiohttp(archive: Path, tmp_path: Path) -> None:
    import functools
    import http.server
    import threading

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(archive))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        assert listed(f"{base}/b.mp4") == [f"{base}/b.mp4"]
        assert sorted(listed(f"{base}/")) == [f"{base}/{name}" for name in ("a.PNG", "b.mp4", "deep/c.wav")]
        with local_file(f"{base}/b.mp4", 99) as file:
            assert file.read_text() == "b.mp4"
        with pytest.raises(MediaError, match="could not be fetched"), local_file(f"{base}/gone.mp4", 99):
            pass
        server.shutdown()
