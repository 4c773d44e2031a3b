"""``deepfake-hf report``: one medium analysed, its page, its record and, if wanted, a PDF."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from deepfake_hf.cli.detect import DetectOptions
from deepfake_hf.cli.terminal import DONE, SOME_UNREADABLE, plain_errors, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepfake_hf.detector import Detector
    from deepfake_hf.evidence.gather import Evidence
    from deepfake_hf.report.detection_page import Case
    from deepfake_hf.report.maps_page import CaseMaps
    from deepfake_hf.report.page import Thumbnails
    from deepfake_hf.report.thumbnails import Look
    from deepfake_hf.types import DetectionResult, Finding, SyncCurve

SEED: Final = 0  # of the bootstrap interval (scoring.aggregation.interval)
FACE_DETECTOR: Final = "centerface"
# Options that only say where answers go.
_NOT_SETTINGS: Final = ("jsonl", "quiet")


@dataclass(frozen=True)
class Examined:
    """One run: the detector, its result under the file's own name, all findings, the record and what is drawn."""

    detector: Detector
    result: DetectionResult
    findings: tuple[Finding, ...]
    record: dict[str, Any]
    thumbnails: tuple[Thumbnails, ...]
    evidence: Evidence
    sync: SyncCurve | None
    maps: CaseMaps | None


def run(
    file: Path, out: Path, json_path: Path | None, pdf: Path | None, options: DetectOptions, maps: bool = True
) -> int:
    """Do the command; returns its exit status."""
    from deepfake_hf.report.record import write_record

    with plain_errors():
        browser = None
        if pdf is not None:
            from deepfake_hf.report.pdf import find_browser

            browser = find_browser()  # said before minutes of work
        with progress(file.name, options.quiet) as tell:
            examined = examine(file, options, lambda share, _: tell(round(100 * share), 100), maps=maps)
            write_case(out, examined)
        if json_path is not None:
            write_record(json_path, examined.record)
        if pdf is not None and browser is not None:
            from deepfake_hf.report.pdf import write_pdf

            write_pdf(out, pdf, browser)
    result = examined.result
    if not options.quiet:
        score = "" if result.p_fake is None else f", P(fake) {result.p_fake:.3f}"
        typer.echo(f"{result.verdict or result.status}{score}: {', '.join(str(p) for p in (out, json_path, pdf) if p)}")
    return SOME_UNREADABLE if result.status in ("unreadable", "unsupported") else DONE


def examine(
    file: Path,
    options: DetectOptions,
    report: Callable[[float, str], None] | None = None,
    threads: int | None = None,
    pictures: bool = True,
    maps: bool = False,
    detector: Detector | None = None,
    found: Callable[[DetectionResult], None] | None = None,
) -> Examined:
    """Analyse a file and gather its record.

    Args:
        file: A medium.
        options: As ``detect`` takes them.
        report: Progress, as ``Detector.detect`` takes it.
        threads: Of torch; None leaves them. The last digits of a score can depend on their number.
        pictures: Go through the file once more for thumbnails.
        maps: Also make heat maps; only with ``pictures``.
        detector: One that is loaded already; None loads what the options name.
        found: Called with the result as soon as it stands, before the evidence is gathered.
    """
    import torch

    from deepfake_hf.cli.case_maps import FaceMapper, MapCollector, case_maps
    from deepfake_hf.cli.lip_sync import lip_sync_evidence
    from deepfake_hf.detector import default_rate
    from deepfake_hf.evidence.gather import gather, gather_media
    from deepfake_hf.inference.landmarks import LandmarkFinder
    from deepfake_hf.inference.versions import machine
    from deepfake_hf.media import AtRate
    from deepfake_hf.report.record import make_record, named
    from deepfake_hf.report.thumbnails import track_thumbnails

    if threads is not None:
        torch.set_num_threads(threads)
    detector = detector or options.detector()
    raw = detector.detect(file, sampling=options.sampling(), threshold=options.threshold, progress=report)
    result = named(raw, str(file), file.name)
    if found is not None:
        found(result)
    sampling = options.sampling() or AtRate(default_rate(result.duration_s))
    mapper = MapCollector(FaceMapper(detector), result, options.threshold) if maps and pictures else None
    looks: list[Look] = [mapper.add] if mapper else []
    thumbnails = track_thumbnails(file, result, sampling, options.limits(), looks) if pictures else ()
    mapped = case_maps(file, result, detector, mapper, options.limits()) if mapper else None
    folder = detector.bundle.landmarks
    finder = LandmarkFinder(folder, detector.device) if folder else None
    evidence = gather_media(file, result, finder.find if finder else None, options.limits())
    lips, sync = lip_sync_evidence(file, detector, result, options.limits())
    findings = (*gather(file, options.limits()), *evidence.findings, *filter(None, (lips,)))
    settings = {key: value for key, value in asdict(options).items() if key not in _NOT_SETTINGS}
    settings |= {"device": str(detector.device), "face_detector": FACE_DETECTOR, "seed": SEED}
    record = make_record(
        result,
        findings,
        file={"name": file.name, "sha256": result.sha256, "size_bytes": file.stat().st_size if file.is_file() else 0},
        settings=settings,
        weights={"label": result.weights, "sha256": detector.bundle.sha256},
        environment={"versions": result.versions, "machine": machine(str(detector.device))},
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Examined(detector, result, findings, record, thumbnails, evidence, sync, mapped)


def write_case(out: Path, examined: Examined) -> None:
    """Write the page."""
    from deepfake_hf.report.detection_page import banner_of, facts_of, sections_of
    from deepfake_hf.report.page import write_page

    case, result = case_of(examined), examined.result
    write_page(out, f"Report on {result.path}", facts_of(case), sections_of(case), banner_of(result))


def case_of(examined: Examined) -> Case:
    """What a page shows of a run."""
    from deepfake_hf.hub.card import read_figures
    from deepfake_hf.report.detection_page import Case

    bundle = examined.detector.bundle
    return Case(
        examined.result,
        examined.record,
        examined.findings,
        examined.thumbnails,
        bundle.calibrations,
        read_figures(bundle),
        examined.evidence.plots,
        examined.evidence.sound,
        examined.sync,
        examined.maps,
    )
