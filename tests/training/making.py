"""Made-up material and settings for tiny runs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from deepfake_hf.data import ManifestRow, write_manifest
from deepfake_hf.training.config import TrainConfig, make_config

ANGLES = np.linspace(0, 2 * np.pi, 68, endpoint=False)
LANDMARKS = np.stack((112 + 60 * np.cos(ANGLES), 112 + 75 * np.sin(ANGLES)), axis=1).astype(np.float32)


def picture(seed: int, fake: bool, kind: str = "JPEG") -> bytes:
    """Smooth noise; a fake has stripes."""
    rgb = np.random.default_rng(seed).integers(60, 160, (8, 8, 3), dtype=np.uint8)
    rgb = np.asarray(Image.fromarray(rgb).resize((224, 224), Image.Resampling.BICUBIC)).copy()
    if fake:
        rgb[80:150:4] = 250
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return buffer.getvalue()


def face_shards(folder: Path, sources: int = 40, shards: int = 1, labels: tuple[int, ...] = (0, 1)) -> Path:
    """Parquet shards of genuine faces and their fakes; the last tenth of the sources is ``validation``."""
    rows: list[dict[str, Any]] = [
        {
            "image": {"bytes": picture(source, bool(label))},
            "label": label,
            "source_video": f"v{source}",
            "landmarks_xy": None if source == 0 else LANDMARKS.tolist(),
            "split": "validation" if source >= sources * 0.9 else "train",
        }
        for source in range(sources)
        for label in labels
    ]
    for shard in range(shards):
        part = rows[shard * len(rows) // shards : (shard + 1) * len(rows) // shards]
        pq.write_table(pa.Table.from_pylist(part), folder / f"faces-{shard:02d}-of-{shards:02d}.parquet")
    return folder


def crop_manifest(folder: Path, tracks: int = 8, frames: int = 4, labels: tuple[int, ...] = (0, 1)) -> Path:
    """Crops as ``deepfake-hf data faces`` leaves them: a folder for each track, half of the tracks ``validation``."""
    rows = []
    for track in range(tracks):
        for label in labels:
            place = folder / "crops" / f"{track}-{label}"
            place.mkdir(parents=True)
            for frame in range(frames - track % 2):
                (place / f"{frame:03d}.png").write_bytes(picture(10 * track + frame, bool(label), "PNG"))
                split = "validation" if (track % 2 and track > 1) or track == 4 else "train"
                method = f"m{track % 3}" if label else ""
                rows.append(ManifestRow(str(place / f"{frame:03d}.png"), label, "made", method, "", f"s{track}", split))
    write_manifest(folder / "manifest.csv", rows)
    return folder / "manifest.csv"


def tiny(data: Path, out: Path, /, *settings: str, **sections: Any) -> TrainConfig:
    """A run of a frame system on 64 pixels that lasts seconds; ``settings`` are KEY=VALUE."""
    base = {
        "preset": "lite_frame",
        "backbone": "test_efficientnet",
        "pretrained": "random",
        "model": sections.pop("model", {"image_size": 64}),
        "out": str(out),
        "data": {"path": str(data), "batch": 4, "self_blends": 2},
        "optimiser": {"learning_rate": 3e-3, "weight_decay": 0.05},
        "schedule": {"name": "one_cycle", "warmup": 0.08, "div": 10},
        "loop": {"steps": 4, "evaluate_every": 2, "workers": 0, "ema_decay": 0.5, "clip_norm": 5.0, "device": "cpu"},
    }
    return make_config(base, sections, settings=settings)
