"""What a container of video or sound says: who wrote it, its clock, its sizes, and whether all of it is there."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from deepfake_hf.evidence.provenance import shortened
from deepfake_hf.media.container import (
    main_audio,
    main_video,
    open_container,
    origin_s,
    shortfall,
    stream_end_s,
)
from deepfake_hf.types import Finding, Strength

MAX_KEYFRAMES: Final = 2000
_short: Final = functools.partial(shortened, most=120)
_GAP_S: Final = 0.5
_GAP_FACTOR: Final = 4.0
_RATE_CHANGE: Final = 0.1  # of the rate; below, rounding of timestamps to milliseconds could be meant
_STRETCH_S: Final = 1.0  # a rate counts when it holds this long
_APART_S: Final = 1.0
_TAGS: Final = (
    "encoder", "handler_name", "major_brand", "creation_time", "make", "model", "com.apple.quicktime.make",
    "com.apple.quicktime.model", "com.apple.quicktime.software", "com.android.version", "com.android.manufacturer",
    "com.android.model", "software", "comment", "vendor_id",
)  # fmt: skip
_CAMERA_TAGS: Final = (
    "make", "model", "com.apple.quicktime.make", "com.apple.quicktime.model", "com.android.manufacturer",
    "com.android.model", "com.android.version",
)  # fmt: skip
_X26X: Final = re.compile(rb"x26[45] (?:- core|\(build) ?[ -~]{1,60}")


@dataclass(frozen=True)
class Clock:
    """The packets of one stream: ``times_s`` float64 (N,), sorted; ``end_s`` when the last one ends."""

    times_s: NDArray[np.float64]
    end_s: float
    broken: str | None


def container_findings(path: Path) -> tuple[Finding, ...]:
    """Findings on a video or sound file, without decoding more than key frames.

    Raises:
        MediaError: No known container.
    """
    found = [_writer(path)]
    with open_container(path) as container:
        clocks = _clocks(container)
        ends = {stream.index: stream_end_s(container, stream) for stream in container.streams if stream.index in clocks}
        video, audio = main_video(container), main_audio(container)
        kinds = {stream.index: name for stream, name in ((video, "picture"), (audio, "sound")) if stream is not None}
    found.append(_completeness(clocks, ends, kinds))
    for index, kind in kinds.items():
        if kind == "picture":
            found += [clock_finding(clocks[index].times_s), _sizes(path)]
    return tuple(found)


def _clocks(container: InputContainer) -> dict[int, Clock]:
    """By stream index, from one pass over the packets of the analysed streams."""
    streams = [stream for stream in (main_video(container), main_audio(container)) if stream is not None]
    start_s = origin_s(container)
    times: dict[int, list[float]] = {stream.index: [] for stream in streams}
    ends = {stream.index: 0.0 for stream in streams}
    broken = None
    try:
        for packet in container.demux(streams):
            if not packet.size or packet.is_discard:
                continue
            ticks = packet.dts if packet.pts is None else packet.pts
            if ticks is None:
                continue
            tick = packet.time_base or Fraction(0)
            at_s = float(ticks * tick) - start_s
            times[packet.stream_index].append(at_s)
            end_s = at_s + float((packet.duration or 0) * tick)
            ends[packet.stream_index] = max(ends[packet.stream_index], end_s)
            if packet.is_corrupt:
                broken = "a packet is marked as damaged"
    except av.FFmpegError as error:
        broken = f"reading it breaks off ({error.strerror})"
    return {index: Clock(np.sort(np.array(own)), ends[index], broken) for index, own in times.items()}


def _writer(path: Path) -> Finding:
    with open_container(path) as container:
        facts = [("container", container.format.long_name)]
        held = {f"file: {key}": value for key, value in container.metadata.items() if key.lower() in _TAGS}
        coded = ""
        for stream in (main_video(container), main_audio(container)):
            if stream is None:
                continue
            context = stream.codec_context
            facts.append((f"{stream.type} codec", f"{context.name}{f', {context.profile}' if context.profile else ''}"))
            held |= {f"{stream.type}: {key}": v for key, v in stream.metadata.items() if key.lower() in _TAGS}
        video = main_video(container)
        if video is not None:
            coded = _encoder_note(container, video.index)
    facts += [(key, _short(value)) for key, value in held.items()]
    if coded:
        facts.append(("in the picture stream", coded))
    words = {key.split(": ", 1)[1].lower(): value for key, value in held.items()}
    camera = " ".join(dict.fromkeys(words[key] for key in _CAMERA_TAGS if words.get(key)))
    program = next((v for k, v in held.items() if k.endswith("encoder") and v.startswith(("Lavf", "Lavc"))), "")
    named = [f"FFmpeg ({program})"] if program else [words["encoder"]] if words.get("encoder") else []
    named += [coded.split(" - ")[0]] if coded else []
    if named:
        return Finding(
            "container",
            "Who wrote the file",
            f"written by {_short(' and '.join(named))}" + (f"; it also names {_short(camera)}" if camera else ""),
            Strength.WEAK,
            "A program encoded or packed the file again after recording, or made it.",
            "That the content was changed: messengers, platforms and every cut or conversion do the same.",
            facts=tuple(facts),
        )
    if camera:
        return Finding(
            "container",
            "Who wrote the file",
            f"it names the device {_short(camera)} and no encoding program",
            Strength.WEAK,
            "It looks like a recording as the device wrote it.",
            "That the device recorded this: such tags can be copied.",
            facts=tuple(facts),
        )
    return Finding(
        "container",
        "Who wrote the file",
        "it names neither a program nor a device",
        Strength.NEUTRAL,
        "The tags were never written or were removed.",
        "Anything about being genuine.",
        facts=tuple(facts),
    )


def _encoder_note(container: InputContainer, index: int) -> str:
    """What x264 or x265 wrote about itself into the first packet of the picture."""
    try:
        for packet in container.demux(container.streams[index]):
            found = _X26X.search(bytes(packet))
            return found.group().decode("ascii").split(" - Copy")[0].strip() if found else ""
    except av.FFmpegError:
        pass  # completeness says so
    return ""


def clock_finding(times_s: NDArray[np.float64]) -> Finding:
    """The clock of the picture.

    Args:
        times_s: float64 (N,), rising, seconds.
    """
    title = "Frame rate"
    if len(times_s) < 10:
        why = f"it has {len(times_s)} frames; at least 10 are needed"
        return Finding("container", title, None, None, "", "", abstained=why)
    steps = np.diff(times_s)
    usual = float(np.median(steps))
    if usual <= 0:
        return Finding("container", title, None, None, "", "", abstained="most frames have no time of their own")
    gaps = np.flatnonzero(steps > max(_GAP_S, _GAP_FACTOR * usual)).tolist()
    changes = rate_changes(times_s)
    facts = (
        ("frames", f"{len(times_s)}"),
        ("usual rate", f"{1 / usual:.3f} frames/s"),
        ("steps, 5 to 95 %", "{:.1f} to {:.1f} ms".format(*(1000 * np.quantile(steps, [0.05, 0.95])))),
        *(("rate changes", f"at {at:.2f} s from {old:.2f} to {new:.2f} frames/s") for at, old, new in changes[:10]),
        *(("gap", f"{steps[place]:.2f} s at {times_s[place]:.2f} s") for place in gaps[:10]),
    )  # fmt: skip
    if gaps or changes:
        parts = [f"{len(changes)} change{'s' * (len(changes) > 1)} of the frame rate"] if changes else []
        parts += [f"{len(gaps)} gap{'s' * (len(gaps) > 1)} between frames"] if gaps else []
        return Finding(
            "container",
            title,
            " and ".join(parts),
            Strength.WEAK,
            "Material of different sources may have been joined, or frames are missing.",
            "An edit for certain: phones, screen recorders and video calls change their rate by themselves.",
            facts=facts,
        )
    spread = float(np.quantile(np.abs(steps - usual), 0.95)) / usual
    kind = "constant" if spread < 0.1 else "variable, without a lasting change"
    return Finding(
        "container",
        title,
        f"{kind}, {1 / usual:.2f} frames/s",
        Strength.NEUTRAL,
        "The picture's clock runs through without gaps.",
        "That nothing was cut: whoever encodes a file again gets an even clock.",
        facts=facts,
    )


def rate_changes(times_s: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Lasting changes of the frame rate: (second, rate before, rate after), each rate held for a second or more."""
    rates: list[tuple[float, float]] = []  # of each whole second with enough frames: its start, and frames/s there
    steps = np.diff(times_s)
    for second in range(int(times_s[-1] / _STRETCH_S)):
        inside = steps[(times_s[:-1] >= second * _STRETCH_S) & (times_s[1:] <= (second + 1) * _STRETCH_S + 1e-6)]
        if len(inside) >= 3 and np.quantile(inside, 0.9) < 1.2 * np.quantile(inside, 0.1):  # even within itself
            rates.append((second * _STRETCH_S, 1 / float(np.mean(inside))))
    return [
        (at_s, before, after)
        for (_, before), (at_s, after) in itertools.pairwise(rates)
        if abs(after - before) > _RATE_CHANGE * before
    ]


def _sizes(path: Path) -> Finding:
    """Whether the picture changes its size, by key frames: only there it can."""
    title = "Picture size"
    seen: list[tuple[float, int, int]] = []
    count = 0
    with open_container(path) as container:
        stream = main_video(container)
        assert stream is not None  # asked before
        stream.codec_context.skip_frame = "NONKEY"
        try:
            for frame in container.decode(stream):
                count += 1
                if not seen or seen[-1][1:] != (frame.width, frame.height):
                    seen.append((frame.time or 0.0, frame.width, frame.height))
                if count >= MAX_KEYFRAMES:
                    break
        except av.FFmpegError:
            pass  # completeness says so
    if not seen:
        return Finding("container", title, None, None, "", "", abstained="no key frame of it decodes")
    facts = (("key frames looked at", f"{count}"), *((f"from {t:.2f} s", f"{w} x {h} px") for t, w, h in seen[:10]))
    if len(seen) > 1:
        return Finding(
            "container",
            title,
            f"the stored picture changes its size {len(seen) - 1} time{'s' * (len(seen) > 2)}",
            Strength.MODERATE,
            "Streams of different sources or settings were joined, or a video call changed its quality.",
            "That the content was falsified.",
            facts=facts,
        )
    _, width, height = seen[0]
    return Finding(
        "container",
        title,
        f"the same throughout, {width} x {height} px as stored",
        Strength.NEUTRAL,
        "Nothing of another size was appended without encoding again.",
        "That nothing was joined: editing programs bring all parts to one size.",
        facts=facts,
    )


def _completeness(clocks: dict[int, Clock], ends: dict[int, float | None], kinds: dict[int, str]) -> Finding:
    title = "Completeness"
    facts, wrong = [], []
    for index, clock in clocks.items():
        facts.append((f"{kinds[index]} reaches to", f"{clock.end_s:.2f} s in {len(clock.times_s)} packets"))
        short = shortfall(clock.end_s, ends[index])
        if short:
            facts.append((f"{kinds[index]} should reach to", f"{ends[index]:.2f} s by the header"))
            wrong.append(f"the {kinds[index]} ends at {clock.end_s:.2f} of {ends[index]:.2f} s that its header states")
        if clock.broken:
            wrong.append(clock.broken)
    reached = [clock.end_s for clock in clocks.values()]
    if wrong:
        return Finding(
            "container",
            title,
            "; ".join(dict.fromkeys(wrong)),
            Strength.MODERATE,
            "A part of the file is missing or damaged: what was there was not analysed.",
            "Intent: downloads that break off and full memory cards do the same.",
            facts=tuple(facts),
        )
    if len(reached) == 2 and abs(reached[0] - reached[1]) > _APART_S:
        return Finding(
            "container",
            title,
            f"picture and sound differ in length by {abs(reached[0] - reached[1]):.2f} s",
            Strength.WEAK,
            "Sound or picture was cut, exchanged or added apart from the other.",
            "An exchange for certain: some recorders end the two at different times.",
            facts=tuple(facts),
        )
    if all(end is None for end in ends.values()):
        why = "the header does not state how long picture and sound should be"
        return Finding("container", title, None, None, "", "", abstained=why, facts=tuple(facts))
    return Finding(
        "container",
        title,
        "all that the header states is there",
        Strength.NEUTRAL,
        "The file was not cut off after it was written.",
        "That nothing was cut before: programs write a fitting header.",
        facts=tuple(facts),
    )
