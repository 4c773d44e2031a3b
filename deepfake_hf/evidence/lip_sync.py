"""Lips against sound: at which offset they fit best, and whether they fit better than shuffled sound does.

Evidence beside the verdict, never part of it: the net in the box has learned from one speaker (GRID s1).

Source: Chung & Zisserman 2016, "Out of time: automated lip sync in the wild" (doi:10.1007/978-3-319-54427-4_19).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BatchFeature

from deepfake_hf.evidence.speaker import ANALYSED_S, FRAMES_PER_SECOND, find_speaker
from deepfake_hf.evidence.sync_statistics import (
    BLOCK_FRAMES,
    FRAME_MS,
    LEAST_PAIRS,
    MAX_OFFSET_FRAMES,
    SEED,
    SHUFFLES,
    distance_table,
    pairs_per_offset,
    sync_curve,
)
from deepfake_hf.faces import FaceDetector
from deepfake_hf.inference.branch import quiet_loading
from deepfake_hf.inference.scorers import BATCH
from deepfake_hf.inference.speech_gate import GATE_CHUNK, GATE_RATE, SpeechGate
from deepfake_hf.media import Limits, read_audio
from deepfake_hf.models.modeling_syncnet import SyncNetModel
from deepfake_hf.processing.feature_extraction_lip_sync import LipSyncFeatureExtractor
from deepfake_hf.types import Finding, Strength, SyncCurve

KIND: Final = "lip_sync"
TITLE: Final = "Lips and sound"
SIGNIFICANT: Final = 0.05
LEAST_SPEECH_S: Final = 1.0
_IN_STEP_MS: Final = FRAME_MS  # one frame to either side
_RATE: Final = 16_000
_MEANS: Final = (
    "A small p: in this clip lips and sound go together, at the offset named; an offset far from 0 means late or early "
    "sound, which careless muxing makes as well as dubbing."
)
_DOES_NOT_MEAN: Final = (
    "Fake or genuine. One speaker made the net, and whether it reads anybody else has not been measured: a large p may "
    "only say that it cannot. Sound that does not belong to the lips reached p < 0.05 too: other people's speech in 7 "
    "of 77 tries, another clip of that speaker in 9 of 40. Lips generated from the sound are in step with it. It never "
    "changes the verdict."
)


@dataclass(frozen=True)
class SyncReading:
    """What was read: from ``start_s`` to ``end_s`` of the container ``windows`` of 0.2 s, with ``speech_s`` seconds of
    speech, and their curve."""

    start_s: float
    end_s: float
    windows: int
    speech_s: float
    curve: SyncCurve


class LipReader:
    """The net with its processor.

    Args:
        folder: Saved by ``train.py sync``, or a bundle's.
        detector: Of faces, one that gives the corners of the mouth.
        device: To run on.
    """

    def __init__(self, folder: Path, detector: FaceDetector, device: torch.device) -> None:
        with quiet_loading():
            model = SyncNetModel.from_pretrained(folder, dtype=torch.float32)
        self.model = model.to(device).eval()
        self.extractor = LipSyncFeatureExtractor.from_pretrained(folder)
        self.detector, self.device = detector, device
        self.sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()

    def read(self, path: Path, start_s: float = 0.0, limits: Limits | None = None) -> SyncReading | str:
        """Read a video.

        Args:
            path: A video with sound.
            start_s: From where on ``ANALYSED_S`` seconds are looked at.
            limits: As in the analysis.

        Returns:
            The reading, or in words why there is none.

        Raises:
            MediaError: Picture or sound can't be read.
        """
        speaker = find_speaker(path, self.detector, self.extractor.image_size, start_s, limits)
        if isinstance(speaker, str):
            return speaker
        first_s, last_s = float(speaker.pts_s[0]), float(speaker.pts_s[-1]) + 1 / FRAMES_PER_SECOND
        return self.compare(speaker.mouths, speaker.pts_s, sound_between(path, first_s, last_s, limits))

    def compare(
        self, mouths: NDArray[np.uint8], pts_s: NDArray[np.float64], waveform: NDArray[np.float32]
    ) -> SyncReading | str:
        """Lips against a sound that starts with the first of them.

        Args:
            mouths: uint8 (T, S, S, 3).
            pts_s: float64 (T,), rising.
            waveform: float32 (num_samples,), 16 kHz.

        Returns:
            As :meth:`read`.
        """
        speech = SpeechGate().feed(waveform)
        if (spoken_s := float(speech.sum()) * GATE_CHUNK / GATE_RATE) < LEAST_SPEECH_S:
            return f"no speech: {spoken_s:.1f} s of it in {len(waveform) / _RATE:.1f} s of sound"
        try:
            pairs = self.extractor(mouths, pts_s, waveform, _RATE, float(pts_s[0]))
        except ValueError:
            return "too short: no 0.2 s have both picture and sound"
        places = np.round((pairs["pair_start_s"].numpy() - pts_s[0]) * FRAMES_PER_SECOND).astype(int)
        table = self._table(pairs, places)
        if int(pairs_per_offset(table).min()) < LEAST_PAIRS:
            reach = MAX_OFFSET_FRAMES * FRAME_MS
            return (
                f"too short: fewer than {LEAST_PAIRS} windows have lips and sound to compare at offsets to {reach} ms"
            )
        end_s = float(pts_s[0]) + (int(places[-1]) + self.extractor.num_frames) / FRAMES_PER_SECOND
        return SyncReading(float(pts_s[0]), end_s, len(places), spoken_s, sync_curve(table))

    def _table(self, pairs: BatchFeature, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the pairs, each at its place in frames."""
        size = int(self.model.config.embedding_size)
        looks, sounds = (np.full((int(places[-1]) + 1, size), np.nan) for _ in range(2))
        with torch.inference_mode():
            for first in range(0, len(places), BATCH):
                part = slice(first, first + BATCH)
                visual = self.model.embed_visual(pairs["pixel_values"][part].to(self.device))
                heard = self.model.embed_sound(pairs["input_values"][part].to(self.device))
                looks[places[part]], sounds[places[part]] = visual.double().cpu().numpy(), heard.double().cpu().numpy()
        return distance_table(looks, sounds)


def sound_between(path: Path, start_s: float, end_s: float, limits: Limits | None = None) -> NDArray[np.float32]:
    """float32 (num_samples,) at 16 kHz, silence where the file has none.

    Raises:
        MediaError: The sound can't be read.
    """
    wave = np.zeros(round((end_s - start_s) * _RATE), np.float32)
    blocks = read_audio(path, _RATE, limits=limits)
    for block in blocks:
        first = round((block.start_s - start_s) * _RATE)
        if first >= len(wave):
            blocks.close()
            break
        own = block.waveform[max(0, -first) :]
        first = max(0, first)
        wave[first : first + len(own)] = own[: len(wave) - first]
    return wave


def lip_sync_finding(reading: SyncReading | str, sha256: str) -> Finding:
    """One finding of a reading, or of why there is none.

    Args:
        reading: Of :class:`LipReader`.
        sha256: Of the net.
    """
    if isinstance(reading, str):
        return abstained(reading)
    curve = reading.curve
    far = abs(curve.best_ms) > _IN_STEP_MS
    found = curve.p_value < SIGNIFICANT
    if not found:
        said = f"no offset within 0.6 s fits better than shuffled sound does (p = {curve.p_value:.3f})"
    elif far:
        said = f"lips and sound go together with the sound {_side(curve.best_ms)} (p = {curve.p_value:.3f})"
    else:
        said = f"lips and sound are in step to within {_IN_STEP_MS} ms (p = {curve.p_value:.3f})"
    facts = (
        ("analysed", f"{reading.start_s:.2f} to {reading.end_s:.2f} s, at most {ANALYSED_S:.0f} s of one face alone"),
        ("windows", f"{reading.windows} of 0.2 s, with {reading.speech_s:.1f} s of speech"),
        ("best offset", _side(curve.best_ms)),
        ("confidence", f"{curve.confidence:.3f} (median minus least mean distance over the offsets)"),
        (
            "p",
            f"{curve.p_value:.3f}, from {SHUFFLES} shufflings of the sound in blocks of "
            f"{BLOCK_FRAMES / FRAMES_PER_SECOND:g} s, seed {SEED}",
        ),
        ("net", f"SHA-256 {sha256[:16]}…, trained on one speaker"),
    )
    strength = Strength.WEAK if found and far else Strength.NEUTRAL
    return Finding(KIND, TITLE, said, strength, _MEANS, _DOES_NOT_MEAN, facts=facts)


def abstained(why: str) -> Finding:
    """The finding of a file of which lips and sound were not compared, and why."""
    return Finding(KIND, TITLE, None, None, "", "", abstained=why)


def _side(offset_ms: int) -> str:
    if offset_ms == 0:
        return "0 ms"
    return f"{abs(offset_ms)} ms too {'early' if offset_ms > 0 else 'late'}"
