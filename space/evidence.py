"""All parts of the report on the page, whatever they are, and a mel spectrogram of the sound."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from deepfake_hf.cli.report import Examined, case_of
from deepfake_hf.errors import MediaError
from deepfake_hf.media import read_audio
from deepfake_hf.report.detection_page import rarity_text, sections_of
from deepfake_hf.report.page import Picture, Section, sections_html
from deepfake_hf.report.spectrogram import mel_spectrogram_figure

# The verdict card and the timeline say these already.
_SAID = ("Why", "Why there is no verdict", "Through time", "Suspicious stretches")
_EXPERT = ("Calibration of these weights", "To run it again")
_MEL_RATE, _MEL_S = 16_000, 20


def evidence_html(examined: Examined, path: str) -> str:
    """The report's sections; those for experts folded away."""
    case = case_of(examined)
    sections = [section for section in sections_of(case) if section.title not in _SAID]
    if not any(picture.name.startswith("mel") for section in sections for picture in section.pictures):
        sound = _sound(path)
        sections += [sound] if sound else []
    plain = tuple(section for section in sections if section.title not in _EXPERT)
    expert = tuple(section for section in sections if section.title in _EXPERT)
    if not plain and not expert:
        return ""
    folded = f"<details><summary>Calibration and record</summary>{sections_html(expert)}</details>" if expert else ""
    return f'<div class="dh-report">{sections_html(plain)}{folded}</div>'


def rarity(examined: Examined) -> str | None:
    """How many genuine files score this high, in a sentence."""
    return rarity_text(examined.result, examined.detector.bundle.calibrations)


def _sound(path: str) -> Section | None:
    blocks, held = [], 0
    try:
        for block in itertools.islice(read_audio(Path(path), _MEL_RATE), 1000):
            blocks.append(block.waveform)
            held += len(block.waveform)
            if held >= _MEL_S * _MEL_RATE:
                break
    except MediaError:
        return None  # no sound, or none that can be read: the card has said so
    if held < _MEL_RATE // 10:
        return None
    samples = np.concatenate(blocks)[: _MEL_S * _MEL_RATE]
    caption = (
        "80 mel bands, dB under the loudest moment. Copied voices often smear fine lines or cut off high bands; so do "
        "telephones and codecs."
    )
    if held > len(samples):
        caption += f" The first {_MEL_S} s."
    picture = Picture("mel", mel_spectrogram_figure(samples, _MEL_RATE), "Mel spectrogram", caption)
    return Section("Sound as a picture", pictures=(picture,))
