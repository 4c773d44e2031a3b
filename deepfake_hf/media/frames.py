"""Streaming frames: a file in, sampled upright RGB frames out, one at a time."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

from deepfake_hf.errors import MediaError, UsageError
from deepfake_hf.media.decode_animation import AnimationDecoder
from deepfake_hf.media.decode_video import VideoDecoder
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.probe import probe
from deepfake_hf.media.sampling import Random, Sampling, Uniform, make_picker
from deepfake_hf.media.shots import Shot, ShotSource
from deepfake_hf.media.signature import Signature, check_file, signature_of
from deepfake_hf.types import Frame, MediaInfo, MediaKind


class FrameReader(Iterator[Frame]):
    """The sampled frames of one file, to be walked through once.

    ``Frame.index`` counts decoded frames, sampled or not; ``Frame.pts_s`` is in seconds from the container's start.
    Only sampled frames become RGB, and no frame is kept, so memory does not grow with length.

    After (or during) the walk, ``decoded_until_s`` tells how far the file decoded, in seconds, and ``damaged`` what is
    wrong with it, or None. A cut or damaged file gives what decodes; only a file of which nothing decodes raises.
    """

    def __init__(self, source: ShotSource, sampling: Sampling, name: str) -> None:
        self._source = source
        self._name = name
        self._walk = self._sampled(sampling)
        self.num_decoded = 0

    @property
    def decoded_until_s(self) -> float:
        """Seconds from the start to the end of the last frame that decoded so far."""
        return self._source.progress.decoded_until_s

    @property
    def damaged(self) -> str | None:
        """What is wrong with the file, as far as seen yet; None where nothing is."""
        return self._source.progress.damaged

    def __iter__(self) -> FrameReader:
        return self

    def __next__(self) -> Frame:
        return next(self._walk)

    def close(self) -> None:
        """Stop early and let go of the file; leaving the loop and the last reference does the same."""
        self._walk.close()

    def _sampled(self, sampling: Sampling) -> Generator[Frame, None, None]:
        times_s = self._source.timestamps() if isinstance(sampling, (Uniform, Random)) else None
        picker = make_picker(sampling, times_s)
        passed: Shot | None = None  # the last frame decoded and not kept; stands in where the end does not decode
        for index, shot in enumerate(self._source.shots()):
            self.num_decoded = index + 1
            if picker.keep(index, shot.pts_s):
                passed = None
                yield Frame(rgb=shot.to_rgb(), pts_s=shot.pts_s, index=index)
            else:
                passed = shot
        if passed is not None and picker.owed():
            yield Frame(rgb=passed.to_rgb(), pts_s=passed.pts_s, index=self.num_decoded - 1)
        if self.num_decoded == 0:
            raise MediaError(
                self._name,
                f"none of its frames can be decoded ({self.damaged or 'it holds none'})",
                "copy or convert it again",
            )


def read_frames(
    path: str | os.PathLike[str],
    sampling: Sampling,
    limits: Limits | None = None,
    info: MediaInfo | None = None,
    max_side_px: int | None = None,
) -> FrameReader:
    """Read a video, an animation or a picture (one frame at 0 s) frame by frame.

    Args:
        path: The file.
        sampling: ``Uniform(frames)``, ``EveryNth(n)``, ``AtRate(fps)`` or ``Random(frames, seed)``. ``Uniform`` and
            ``Random`` read the packets' timestamps first (no decoding), since the header's duration may be missing
            or wrong.
        limits: Defaults to ``Limits()``; they hold while decoding too.
        info: The file's probe, where it was made already; None probes it now.
        max_side_px: Shrink frames so that the longer side is at most this, while converting; None keeps the size.

    Returns:
        A ``FrameReader``: an iterator of frames with ``rgb`` uint8 (H, W, 3), upright, square pixels.

    Raises:
        MediaError: Not readable, without pictures, or (while walking) nothing decodes.
        UnsupportedMediaError: Over a limit.
        UsageError: ``max_side_px`` below 1.
    """
    limits = limits or Limits()
    name = os.fspath(path)
    if max_side_px is not None and max_side_px < 1:
        raise UsageError(f"max_side_px={max_side_px}", "a picture needs at least one pixel", "give 1 or more, or None")
    info = info or probe(path, limits)
    if info.kind is MediaKind.AUDIO:
        raise MediaError(name, "it holds sound and no pictures", "read it with read_audio")
    _, head = check_file(path, limits)
    if signature_of(name, head) is Signature.PICTURE:
        return FrameReader(AnimationDecoder(path, limits, max_side_px), sampling, name)
    return FrameReader(VideoDecoder(path, limits, max_side_px), sampling, name)
