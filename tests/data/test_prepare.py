"""Mixtures: numbers, splits, missing files, and what the datasets library reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image

from deepfake_hf.data import PrepareConfig, Prepared, prepare, read_config, shared_across_splits
from deepfake_hf.errors import DataError, UsageError
from deepfake_hf.labels import FAKE, REAL
from tests.data.test_layouts import touch, write


def mixture(tmp_path: Path, **config: Any) -> Prepared:
    return prepare(PrepareConfig.model_validate(config), tmp_path / "media")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    touch(root, *[f"real/{n}.mp4" for n in range(60)])
    touch(root, *[f"fake/{m}/{n}.mp4" for m in ("swap", "lips") for n in range(40)], "fake/rare/0.mp4")
    return root


def test_two_sets_by_numbers_in_one_config_file(tmp_path: Path, tree: Path) -> None:
    touch(tmp_path / "wild", *[f"{n}.wav" for n in range(40)])
    lines = [f"{n}.wav,speaker {n // 2},{('spoof', 'bona-fide')[n % 2]}" for n in range(40)]
    write(tmp_path / "wild", "meta.csv", "\n".join(["file,speaker,label", *lines]))
    config = {
        "seed": 3,
        "sets": [
            {"layout": "folder", "root": "tree", "real": 30, "fake": 25, "options": {"dataset": "mine"}},
            {"layout": "in-the-wild", "root": "wild", "real": 10, "fake": 10},
        ],
        "split": {"shares": {"train": 0.6, "test": 0.4}, "carve": 0.2},
    }
    write(tmp_path, "mix.yaml", yaml.safe_dump(config))
    rows = prepare(read_config(tmp_path / "mix.yaml"), tmp_path / "media").rows
    assert Counter((row.dataset, row.label) for row in rows) == {
        ("mine", REAL): 30, ("mine", FAKE): 25, ("In-the-Wild", REAL): 10, ("In-the-Wild", FAKE): 10
    }  # fmt: skip
    methods = Counter(row.method for row in rows if row.dataset == "mine" and row.label == FAKE)
    assert methods == {"swap": 12, "lips": 12, "rare": 1}
    assert {row.split for row in rows} == {"train", "validation", "test"}
    assert not shared_across_splits(rows, "identity") and not shared_across_splits(rows, "source")
    assert rows == prepare(read_config(tmp_path / "mix.yaml"), tmp_path / "media").rows


def test_more_than_there_is_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(DataError, match=r"100 real rows of folder.* has 60"):
        mixture(tmp_path, sets=[{"layout": "folder", "root": str(tree), "real": 100}])


def test_listed_files_that_lack_are_named_and_have_no_row(tmp_path: Path) -> None:
    write(tmp_path / "w", "meta.csv", "file,speaker,label\n0.wav,A,spoof\n1.wav,A,bona-fide\n")
    touch(tmp_path / "w", "0.wav")
    done = mixture(tmp_path, sets=[{"layout": "in-the-wild", "root": str(tmp_path / "w")}])
    assert len(done.rows) == 1 and done.missing == [str(tmp_path / "w" / "1.wav")]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sets": []}, "sets"),
        ({"sets": [{"layout": "folder", "root": ".", "reel": 3}]}, "sets.0.reel"),
        ({"sets": [{"layout": "folder", "root": "."}], "split": {"by": ["name"]}}, "split.by.0"),
        (["not a mapping"], "file"),
    ],
)
def test_a_wrong_config_names_its_key(tmp_path: Path, config: Any, said: str) -> None:
    write(tmp_path, "mix.yaml", yaml.safe_dump(config))
    with pytest.raises(DataError, match="is no mixture") as caught:
        read_config(tmp_path / "mix.yaml")
    assert said in str(caught.value)


def test_unknown_layouts_and_options_are_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(UsageError, match="layout 'faces'"):
        mixture(tmp_path, sets=[{"layout": "faces", "root": str(tree)}])
    with pytest.raises(UsageError, match="compression"):
        mixture(tmp_path, sets=[{"layout": "folder", "root": str(tree), "options": {"compression": "c23"}}])


def picture(shade: int) -> Image.Image:
    return Image.fromarray(np.full((32, 32, 3), shade, np.uint8))


def test_an_image_folder_is_read_by_name_and_stays_in_place(tmp_path: Path) -> None:
    for name in ("train/real/a.png", "train/fake/a.png", "test/real/b.png"):
        touch(tmp_path / "in", name)
        picture(9).save(tmp_path / "in" / name)
    done = mixture(tmp_path, sets=[{"layout": "imagefolder", "root": str(tmp_path / "in")}])
    found = {str(Path(row.path).relative_to(tmp_path / "in")): (row.label, row.split) for row in done.rows}
    assert found == {
        "train/real/a.png": (REAL, "train"), "train/fake/a.png": (FAKE, "train"), "test/real/b.png": (REAL, "test")
    }  # fmt: skip
    assert not (tmp_path / "media").exists()


@pytest.mark.parametrize(("layout", "suffix"), [("videofolder", "mp4"), ("audiofolder", "wav")])
def test_video_and_audio_folders(tmp_path: Path, layout: str, suffix: str) -> None:
    touch(tmp_path / "in", f"real/a.{suffix}", f"fake/b.{suffix}")
    done = mixture(tmp_path, sets=[{"layout": layout, "root": str(tmp_path / "in")}])
    assert {Path(row.path).name: row.label for row in done.rows} == {f"a.{suffix}": REAL, f"b.{suffix}": FAKE}


def test_a_folder_with_metadata_and_mapped_columns(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.wav", "b.wav")
    write(tmp_path / "in", "metadata.csv", "file_name,label,speaker\na.wav,spoof,s1\nb.wav,genuine,s2\n")
    options = {"columns": {"identity": "speaker"}, "dataset": "mine"}
    done = mixture(tmp_path, sets=[{"layout": "audiofolder", "root": str(tmp_path / "in"), "options": options}])
    assert {(row.label, row.identity, row.dataset) for row in done.rows} == {(FAKE, "s1", "mine"), (REAL, "s2", "mine")}


def shard(tmp_path: Path, labels: list[int], names: list[str] | None) -> Path:
    label = datasets.ClassLabel(names=names) if names else datasets.Value("int64")
    features = {"image": datasets.Image(), "label": label, "source_video": datasets.Value("string")}
    features["split"] = datasets.Value("string")
    columns = {
        "image": [picture(10 * i) for i in range(len(labels))],
        "label": labels,
        "source_video": [f"v{i // 2}" for i in range(len(labels))],
        "split": ["train", "validation"] * (len(labels) // 2),
    }
    (tmp_path / "shards").mkdir()
    datasets.Dataset.from_dict(columns, features=datasets.Features(features)).to_parquet(tmp_path / "shards/a.parquet")
    return tmp_path / "shards"


@pytest.mark.parametrize("layout", ["parquet", "datasets"])
def test_parquet_bytes_become_files_of_their_own(tmp_path: Path, layout: str) -> None:
    root = shard(tmp_path, [1, 0, 1, 0], ["fake", "real"])
    part = {"layout": layout, "root": str(root), "options": {"columns": {"source": "source_video"}, "dataset": "p"}}
    rows = mixture(tmp_path, sets=[part]).rows
    assert [(row.label, row.source, row.split) for row in rows] == [
        *[(REAL, source, "train") for source in ("v0", "v1")],
        *[(FAKE, source, "validation") for source in ("v0", "v1")],
    ]
    assert [np.asarray(Image.open(row.path)).mean() for row in rows] == [0, 20, 10, 30]
    assert {Path(row.path).suffix for row in rows} == {".png"}  # by their first bytes, they have no names


def test_numbers_without_names_are_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say which of them is fake"):
        mixture(tmp_path, sets=[{"layout": "parquet", "root": str(shard(tmp_path, [0, 1], None))}])
