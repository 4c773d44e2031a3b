"""What the lip-sync evidence says of clips whose sound was moved by a known amount, or taken from another clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby, islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.data import ManifestRow
from deepfake_hf.errors import MediaError
from deepfake_hf.evaluation.metrics import share_interval
from deepfake_hf.evidence.lip_sync import SIGNIFICANT, LipReader, SyncReading, sound_between
from deepfake_hf.evidence.speaker import Speaker, find_speaker
from deepfake_hf.evidence.sync_statistics import FRAME_MS
from deepfake_hf.synthesis.sound_fakes import other_sound, shift_sound

SHIFTS_MS: Final = (0, -80, 80, -200, 200, -400, 400)
OTHER: Final = "another clip's"
SPEECH: Final = "unrelated speech"
_RATE: Final = 16_000
_ROUNDS: Final = 1000
_LEAD_S: Final = 0.3  # of a recording, before anybody speaks
_SPEECHES: Final = 2  # unrelated ones for each clip


@dataclass(frozen=True)
class SyncTrial:
    """One clip under one sound.

    ``sound`` is by how many ms its own sound was moved, later where positive, or else ``OTHER`` or ``SPEECH``. ``why``
    is set where there was no reading, and then the rest is None.
    """

    group: str
    name: str
    sound: int | str
    best_ms: int | None = None
    confidence: float | None = None
    p_value: float | None = None
    why: str | None = None

    @property
    def error_ms(self) -> int | None:
        """Offset found minus offset made; None where there is none."""
        return None if self.best_ms is None or isinstance(self.sound, str) else self.best_ms + self.sound


def sync_trials(
    reader: LipReader,
    rows: Sequence[ManifestRow],
    speeches: Sequence[Path] = (),
    report: Callable[[int, int], None] | None = None,
) -> Iterator[SyncTrial]:
    """All conditions of all clips. Another clip's sound is that of the next clip of the same data set.

    Args:
        reader: The net.
        rows: Genuine videos with sound; ``dataset`` groups them.
        speeches: Recordings of speech that have nothing to do with them; each clip gets two of them in turn.
        report: Called with the clips done and their number.
    """
    taken = cycle(speeches)
    done, ordered = 0, sorted(rows, key=lambda row: (row.dataset, row.path))
    for group, members in groupby(ordered, key=lambda row: row.dataset):
        clips = [_clip(reader, row) for row in members]
        heard = [clip[1] for _, clip in clips if not isinstance(clip, str)]
        for name, clip in clips:
            if isinstance(clip, str):
                yield from (SyncTrial(group, name, sound, why=clip) for sound in (*SHIFTS_MS, OTHER))
            else:
                speaker, own = clip
                place = next(i for i, wave in enumerate(heard) if wave is own)
                sounds: list[tuple[int | str, NDArray[np.float32]]] = [
                    (moved, shift_sound(own, _RATE, moved / 1000) if moved else own) for moved in SHIFTS_MS
                ]
                if len(heard) > 1:
                    sounds.append((OTHER, other_sound(own, heard[(place + 1) % len(heard)])))
                for path in islice(taken, _SPEECHES if speeches else 0):
                    sounds.append((SPEECH, sound_between(path, _LEAD_S, _LEAD_S + len(own) / _RATE)))
                for sound, wave in sounds:
                    yield _trial(group, name, sound, reader.compare(speaker.mouths, speaker.pts_s, wave))
            done += 1
            if report is not None:
                report(done, len(ordered))


def _clip(reader: LipReader, row: ManifestRow) -> tuple[str, tuple[Speaker, NDArray[np.float32]] | str]:
    path = Path(row.path)
    try:
        speaker = find_speaker(path, reader.detector, reader.extractor.image_size)
        if isinstance(speaker, str):
            return path.name, speaker
        last_s = float(speaker.pts_s[-1]) + FRAME_MS / 1000
        return path.name, (speaker, sound_between(path, float(speaker.pts_s[0]), last_s))
    except MediaError as error:
        return path.name, error.why


def _trial(group: str, name: str, sound: int | str, reading: SyncReading | str) -> SyncTrial:
    if isinstance(reading, str):
        return SyncTrial(group, name, sound, why=reading)
    curve = reading.curve
    return SyncTrial(group, name, sound, curve.best_ms, curve.confidence, curve.p_value)


def sync_markdown(trials: Sequence[SyncTrial], each_below: int = 10) -> str:
    """A table of conditions for each group of clips; of small groups also one of their clips.

    Args:
        trials: Of :func:`sync_trials`.
        each_below: Groups of fewer clips are also listed clip by clip.
    """
    parts = []
    for group in sorted({trial.group for trial in trials}):
        own = [trial for trial in trials if trial.group == group]
        names = sorted({trial.name for trial in own})
        parts.append(f"### {group}, {len(names)} clips\n\n{_conditions(own)}")
        if len(names) < each_below:
            parts.append(_each(own, names))
    return "\n".join(parts)


def _conditions(own: Sequence[SyncTrial]) -> str:
    lines = [
        "| sound | n read | no reading | median offset error, ms (95 %) | error within 40 ms (95 %) "
        "| p < 0.05 (95 %) | median p | median confidence (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for sound in (*SHIFTS_MS, OTHER, SPEECH):
        some = [trial for trial in own if trial.sound == sound]
        if not some:
            continue
        read = [trial for trial in some if trial.why is None]
        called = sound if isinstance(sound, str) else "its own" if sound == 0 else f"{abs(sound)} ms {_way(sound)}"
        cells = [called, str(len(read)), str(len(some) - len(read))]
        if read:
            errors = [error for trial in read if (error := trial.error_ms) is not None]
            p_values = np.array([trial.p_value for trial in read], float)
            cells += [_median(errors, 0), _share([abs(error) <= FRAME_MS for error in errors])] if errors else ["–"] * 2
            cells += [_share(list(p_values < SIGNIFICANT)), f"{np.median(p_values):.3f}"]
            cells.append(_median([trial.confidence or 0.0 for trial in read], 3))
        else:
            cells += ["–"] * 5
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _each(own: Sequence[SyncTrial], names: Sequence[str]) -> str:
    lines = ["| clip | its own sound: offset, confidence, p | another clip's: p |", "|---|---|---|"]
    for name in names:
        told = {trial.sound: trial for trial in own if trial.name == name}
        first, other = told[0], told.get(OTHER)
        said = first.why or f"{first.best_ms:+d} ms, {first.confidence:.3f}, {first.p_value:.3f}"
        swapped = "–" if other is None else other.why or f"{other.p_value:.3f}"
        lines.append(f"| {name} | {said} | {swapped} |")
    return "\n".join(lines) + "\n"


def _way(moved_ms: int) -> str:
    return "later" if moved_ms > 0 else "earlier"


def _share(hits: Sequence[bool]) -> str:
    low, high = share_interval(sum(hits), len(hits))
    return f"{sum(hits)} of {len(hits)} = {100 * sum(hits) / len(hits):.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _median(values: Sequence[float], digits: int) -> str:
    """With a percentile interval of a thousand draws of clips."""
    array = np.array(values, float)
    drawn = np.random.default_rng(0).integers(0, len(array), (_ROUNDS, len(array)))
    low, high = np.quantile(np.median(array[drawn], axis=1), (0.025, 0.975))
    return f"{np.median(array):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
