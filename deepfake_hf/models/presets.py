"""The table of published and own systems: a name, a configuration and its preprocessing constants. No classes here."""

from __future__ import annotations

from typing import Final

from .preset_row import Kind, Preset
from .presets_audio import AUDIO_PRESETS
from .presets_clip import CLIP_PRESETS
from .presets_frame import FRAME_PRESETS

PRESETS: Final[dict[str, Preset]] = {**FRAME_PRESETS, **CLIP_PRESETS, **AUDIO_PRESETS}

__all__ = ["PRESETS", "Kind", "Preset"]
