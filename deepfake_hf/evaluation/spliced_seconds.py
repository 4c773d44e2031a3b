"""How well a second that was put into a genuine recording is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepfake_hf.evaluation.map_plants import rebuilt_stretch
from deepfake_hf.inference.scorers import SoundScorer
from deepfake_hf.inference.speech_pass import hear
from deepfake_hf.scoring.calibration import NullDistribution
from deepfake_hf.scoring.stretches import standing_out
from deepfake_hf.synthesis.sound_fakes import vocode_long
from deepfake_hf.synthesis.vocoders import GENERATORS
from deepfake_hf.types import AudioTrack, Segment

Wave = NDArray[np.float32]
SHORT_S: Final = 15.0
LONG_S: Final = 60.0
_LEAST_S: Final = 10.0
_PER_SHORT: Final = 3
_PER_LONG: Final = 2
_RIGHT_S: Final = 0.5


def check_spliced_seconds(
    branch: SoundScorer,
    null: NullDistribution,
    recordings: Sequence[Wave],
    num_long: int = 8,
    seed: int = 21,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """Put one second of copy-synthesis into genuine speech, as loud and cross-faded, and look for it.

    Args:
        branch: Of sounds.
        null: Of genuine seconds that stand out.
        recordings: Genuine, float32 at the branch's rate; those shorter than 10 s are left out, longer ones cut to 15.
        num_long: How many recordings of 60 s are joined of six of them, drawn anew.
        seed: Of the places and the draws.
        tell: Told how far it is.

    Returns:
        For ``10 to 15 s`` and ``60 s, joined``: ``genuine`` and how many of them have a stretch, ``spliced``, how many
        have a stretch over the place, and of how many both ends lie within 0.5 s; by generator the last over their
        number.
    """
    rate, names = branch.sampling_rate, list(GENERATORS)
    short = [sound[: int(SHORT_S * rate)] for sound in recordings if len(sound) >= _LEAST_S * rate]
    found: dict[str, dict[str, Any]] = {}

    def look(kind: str, sound: Wave, place: tuple[float, float] | None, name: str = "") -> None:
        heard = hear(branch, [AudioTrack(sound, rate, 0.0)])
        _count(found.setdefault(kind, _empty()), standing_out(heard.short_windows, null), place, name)

    for number, sound in enumerate(short):
        look("10 to 15 s", sound, None)
        for turn in range(_PER_SHORT):
            name = names[(_PER_SHORT * number + turn) % len(names)]
            rng = np.random.default_rng([seed, number, turn])
            made = rebuilt_stretch(sound, vocode_long(name, sound, rate, number), name, rate, rng)
            look("10 to 15 s", made.waveform, (made.begin_s, made.end_s), name)
        tell(f"{number + 1} of {len(short)} recordings")
    part = slice(int(20 * rate), int(35 * rate))
    for number in range(num_long if short else 0):
        order = np.random.default_rng([seed, number]).permutation(len(short))
        sound = np.concatenate([short[place] for place in order[:6]])[: int(LONG_S * rate)]
        look("60 s, joined", sound, None)
        for turn in range(_PER_LONG):
            name = names[(_PER_LONG * number + turn) % len(names)]
            rng = np.random.default_rng([seed, number, turn])
            made = rebuilt_stretch(sound[part], vocode_long(name, sound[part], rate, number), name, rate, rng)
            whole = np.concatenate((sound[: part.start], made.waveform, sound[part.stop :]))
            look("60 s, joined", whole, (20 + made.begin_s, 20 + made.end_s), name)
        tell(f"{number + 1} of {num_long} joined ones")
    return found


def _empty() -> dict[str, Any]:
    return {"genuine": 0, "genuine_with_a_stretch": 0, "spliced": 0, "found": 0, "to_half_a_second": 0, "by": {}}


def _count(
    row: dict[str, Any], stretches: Sequence[Segment], place: tuple[float, float] | None, generator: str
) -> None:
    if place is None:
        row["genuine"] += 1
        row["genuine_with_a_stretch"] += bool(stretches)
        return
    over = [one for one in stretches if min(one.end_s, place[1]) > max(one.start_s, place[0])]
    right = any(max(abs(one.start_s - place[0]), abs(one.end_s - place[1])) <= _RIGHT_S for one in over)
    row["spliced"] += 1
    row["found"] += bool(over)
    row["to_half_a_second"] += right
    hits, tries = row["by"].get(generator, (0, 0))
    row["by"][generator] = (hits + right, tries + 1)
