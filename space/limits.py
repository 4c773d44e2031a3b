"""What one visitor may ask of the page, from the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepfake_hf import Limits
from deepfake_hf.errors import UsageError

PREFIX = "DEEPFAKE_HF_SPACE_"


def _limit(default: float, what: str) -> Any:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True)
class PageLimits:
    """Each can be set by ``DEEPFAKE_HF_SPACE_`` and its name in capitals, such as ``DEEPFAKE_HF_SPACE_MAX_MB=50``."""

    max_mb: float = _limit(500, "largest upload, MB")
    max_minutes: float = _limit(20, "longest video or sound, minutes")
    max_files: int = _limit(50, "files in a batch or a zip")
    queue: int = _limit(12, "requests that may wait; further ones are told to come again")
    concurrency: int = _limit(1, "analyses at a time; each holds a detector of its own")
    live_sessions: int = _limit(2, "live sessions at a time")
    idle_seconds: float = _limit(30, "after which a live session that sends nothing ends")
    keep_minutes: float = _limit(60, "after which uploads and reports are deleted at the latest")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> PageLimits:
        """Read them.

        Raises:
            UsageError: One is no number or not above 0.
        """
        environment = os.environ if environment is None else environment
        found: dict[str, float] = {}
        for known in dataclasses.fields(cls):
            variable = PREFIX + known.name.upper()
            text = environment.get(variable)
            if text is None:
                continue
            try:
                value = int(text) if known.type == "int" else float(text)
            except ValueError:
                value = 0
            if not value > 0:
                raise UsageError(
                    f"{variable}={text}", "it is no number above 0", f"set it to {known.metadata['what']}, or leave it"
                )
            found[known.name] = value
        return cls(**found)  # type: ignore[arg-type]

    @property
    def keep_s(self) -> float:
        """``keep_minutes`` in seconds."""
        return 60 * self.keep_minutes

    def media(self) -> Limits:
        """As the decoder takes them."""
        return Limits(max_bytes=int(self.max_mb * 1e6), max_duration_s=60 * self.max_minutes)

    def words(self) -> list[tuple[str, float, str]]:
        """Variable, value and meaning of each."""
        return [
            (PREFIX + known.name.upper(), getattr(self, known.name), known.metadata["what"])
            for known in dataclasses.fields(self)
        ]


def is_public() -> bool:
    """Whether this runs as a Hugging Face Space, where visitors are strangers to each other."""
    return bool(os.environ.get("SPACE_ID"))


def history_file() -> Path | None:
    """Where past results may be kept when somebody asks for it; None on a Space."""
    if is_public():
        return None
    folder = os.environ.get("DEEPFAKE_HF_CACHE")
    return (Path(folder) if folder else Path.home() / ".cache" / "deepfake_hf") / "history.sqlite3"
