"""All evidence on one file: what it says of its own making, and what its faces and voices show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepfake_hf.errors import MediaError
from deepfake_hf.evidence.compression import compression_finding
from deepfake_hf.evidence.container import container_findings
from deepfake_hf.evidence.provenance import c2pa_finding, exif_finding
from deepfake_hf.evidence.score_jumps import jumps_finding
from deepfake_hf.evidence.walk_faces import FindPoints, walk_faces
from deepfake_hf.evidence.walk_sound import walk_sound
from deepfake_hf.media import Limits, probe
from deepfake_hf.media.signature import Signature, check_file, signature_of
from deepfake_hf.types import DetectionResult, Finding, MediaKind, Plot, SoundPicture


@dataclass(frozen=True)
class Evidence:
    """Findings, and what is drawn beside them; ``sound`` is None where there is none."""

    findings: tuple[Finding, ...]
    plots: tuple[Plot, ...] = ()
    sound: SoundPicture | None = None


def gather_media(
    path: Path, result: DetectionResult, find: FindPoints | None, limits: Limits | None = None
) -> Evidence:
    """Findings on faces, movement, frequency and sound: one more pass over the pictures and one or two over the sound,
    with memory that does not grow with length.

    Args:
        path: The medium.
        result: Its analysis; whose faces are where is taken from it, and nothing in it is changed.
        find: Finds landmarks; None leaves the faces out.
        limits: As in the analysis.
    """
    if result.kind is None:
        return Evidence(())
    findings: list[Finding] = []
    plots: list[Plot] = []
    if find is not None and result.kind is not MediaKind.AUDIO:
        faces = walk_faces(path, result, find, limits)
        leaps = jumps_finding(result.windows) if result.kind is MediaKind.VIDEO else None
        findings += [*faces.surfaces.findings(), *([leaps] if leaps else []), *faces.motions.findings()]
        findings += faces.spectra.findings()
        plots += [*faces.motions.plots(), *faces.spectra.plots()]
    try:
        rate = None if result.kind is MediaKind.IMAGE else probe(path, limits or Limits()).sampling_rate
    except MediaError:
        rate = None  # the analysis has said already what is wrong with the file
    sound = walk_sound(path, rate, limits)
    return Evidence((*findings, *sound.findings()), (*plots, *sound.plots()), sound.picture())


def gather(path: Path, limits: Limits | None = None) -> tuple[Finding, ...]:
    """Provenance, container and compression findings of one file.

    A file that cannot be read gives one finding that says why; a part that fails gives one of its own.

    Args:
        path: A medium.
        limits: As in the analysis.
    """
    limits = limits or Limits()
    try:
        info = probe(path, limits)
        _, head = check_file(path, limits)
        still = signature_of(str(path), head) is Signature.PICTURE
    except MediaError as error:
        return (Finding("container", "File", None, None, "", "", abstained=error.why),)
    found = [c2pa_finding(path)]
    if still:
        found += _safely("EXIF and text", "provenance", lambda: [exif_finding(path, limits)])
    else:
        found += _safely("Container", "container", partial(container_findings, path))
    found += _safely("Earlier compression", "compression", lambda: [compression_finding(path, info, limits)])
    return tuple(found)


def _safely(title: str, kind: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """One part that cannot read the file takes no other with it."""
    try:
        return list(look())
    except MediaError as error:
        return [Finding(kind, title, None, None, "", "", abstained=error.why)]
