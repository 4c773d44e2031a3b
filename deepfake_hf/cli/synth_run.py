"""What all of ``deepfake-hf synth`` shares: sources, the order of work, files, twins, the manifest and the report."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfake_hf.cli.detect import find_media
from deepfake_hf.cli.terminal import BAD_USAGE, DONE, SOME_UNREADABLE
from deepfake_hf.data.manifest import ManifestRow, read_manifest, write_manifest
from deepfake_hf.errors import DeepfakeHFError, UsageError
from deepfake_hf.labels import FAKE, REAL

MANIFEST: Final = "manifest.csv"
_SAVE_EVERY: Final = 25  # fakes between two writings of the manifest
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Source:
    """One genuine file: ``row`` is its line of the manifest, with ``source`` its name here; ``flat`` names files."""

    row: ManifestRow
    flat: str

    @property
    def path(self) -> str:
        return self.row.path

    @property
    def name(self) -> str:
        return self.row.source


@dataclass(frozen=True)
class Job:
    """One fake to make: of which file, in which way (as the manifest's ``method`` says it), and which of several."""

    source: Source
    method: str
    ordinal: int

    @property
    def stem(self) -> str:
        return f"{self.source.flat}_{self.method}" + (f"_{self.ordinal}" if self.ordinal else "")

    def rng(self, seed: int) -> np.random.Generator:
        """Its own chance: neither the other files nor their order change it."""
        return np.random.default_rng([seed, self.ordinal, zlib.crc32(self.source.name.encode())])


@dataclass(frozen=True)
class Made:
    """A fake in the work folder, what it was made of beside its source, its mask, and its stretch in seconds."""

    file: Path
    details: dict[str, Any] = field(default_factory=dict)
    others: tuple[Source, ...] = ()
    mask: Path | None = None
    start_s: float | None = None
    end_s: float | None = None


class Maker(Protocol):
    """Makes one kind of fake."""

    def make(self, job: Job, folder: Path, rng: np.random.Generator, tell: Tell) -> Made:
        """Write the fake and its mask to ``folder``."""
        ...

    def twin(self, source: Source, folder: Path, tell: Tell) -> Path:
        """Write the genuine medium to ``folder`` as the fake is written: same codecs, same resampling."""
        ...


@dataclass(frozen=True)
class Plan:
    """What every command was asked for."""

    out: Path
    seed: int = 0
    count: int = 1
    overwrite: bool = False
    twins: bool = True
    dataset: str = "synth"
    quiet: bool = False


def find_sources(paths: Sequence[str], plan: Plan) -> tuple[list[Source], list[str]]:
    """Expand files, folders, globs and manifests to genuine files, and say what gave nothing.

    A source is named by its folder and its file's name, and by more folders where two would be called alike. The rows
    of a manifest keep data set, identity, source and split; its fakes are left out. What lies in the output folder is
    no source.
    """
    rows: dict[str, ManifestRow] = {}
    empty: list[str] = []
    files: list[str] = []
    for path in paths:
        if Path(path).suffix in (".csv", ".parquet") and Path(path).is_file():
            listed = [row for row in read_manifest(path) if row.label == REAL]
            rows |= {os.path.abspath(row.path): row for row in listed}
            if not listed:
                empty.append(f"{path}: the manifest lists nothing genuine. Give one with rows labelled real.")
        else:
            found, nothing = find_media([path])
            files += found
            empty += nothing
    home = plan.out.resolve()
    for file in files:
        if not Path(file).resolve().is_relative_to(home):
            rows.setdefault(os.path.abspath(file), ManifestRow(os.path.abspath(file), REAL, plan.dataset))
    names = _unlike(list(rows))
    sources = []
    for path, row in rows.items():
        name = names[path]
        flat = "_".join(Path(name).with_suffix("").parts)
        named = replace(
            row, path=path, source=row.source or name.replace("|", "_"), dataset=row.dataset or plan.dataset
        )
        sources.append(Source(named, flat))
    alike = {flat for flat, count in Counter(source.flat for source in sources).items() if count > 1}
    for number, source in enumerate(sources):
        if source.flat in alike:
            sources[number] = replace(source, flat=f"{source.flat}_{zlib.crc32(source.path.encode()):08x}")
    return sources, empty


def _unlike(paths: list[str]) -> dict[str, str]:
    """Path to the shortest end of it, of at least a folder and a name, that no other path shares."""
    names = {path: "/".join(Path(path).parts[-2:]).lstrip("/") for path in paths}
    depth = 2
    while depth < 64:
        counts = Counter(names.values())
        shared = [path for path in paths if counts[names[path]] > 1]
        if not shared:
            break
        depth += 1
        names |= {path: "/".join(Path(path).parts[-depth:]).lstrip("/") for path in shared}
    return names


def candidates(source: Source, pool: Sequence[Source], rng: np.random.Generator) -> Iterator[Source]:
    """The others of a pool that a fake may be made with, in an order of chance: of its split, and of other people."""
    people = set(source.row.identities)
    fit = [
        other
        for other in pool
        if other.path != source.path
        and other.row.split == source.row.split
        and not people.intersection(other.row.identities)
    ]
    yield from (fit[index] for index in rng.permutation(len(fit)))


class Workshop:
    """Runs jobs into an output folder.

    ``fakes/``, ``masks/`` and ``genuine/`` hold the media, ``details/`` a JSON file for each fake, ``manifest.csv``
    all rows, those of earlier runs too.
    """

    def __init__(self, plan: Plan, maker: Maker) -> None:
        self.plan = plan
        self.maker = maker
        self.made, self.kept = 0, 0
        self.failed: list[str] = []
        self._rows: dict[str, ManifestRow] = {}
        self._twins: dict[str, str] = {}
        if (plan.out / MANIFEST).is_file():
            self._rows = {os.path.abspath(row.path): row for row in read_manifest(plan.out / MANIFEST)}

    def run(self, jobs: Sequence[Job], console: Console) -> None:
        """Do all jobs; one that fails is noted and the next is done."""
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        silent = self.plan.quiet or not console.is_terminal
        self.plan.out.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=silent) as bar:
            task = bar.add_task("", total=len(jobs))
            try:
                for number, job in enumerate(jobs, 1):

                    def tell(time_s: float, name: str = job.source.name) -> None:
                        bar.update(task, description=f"{name} {time_s:.1f} s")

                    bar.update(task, description=job.source.name)
                    self._do(job, tell)
                    bar.advance(task)
                    if number % _SAVE_EVERY == 0:
                        self._save()
            finally:
                self._save()

    def _do(self, job: Job, tell: Tell) -> None:
        import cv2

        there = _existing(self.plan.out / "fakes", job.stem)
        if there is not None and not self.plan.overwrite:
            if os.path.abspath(there) in self._rows:
                self.kept += 1
            else:
                self.failed.append(f"{there}: it exists, but stands in no manifest row. Add --overwrite to renew it.")
            return
        try:
            with tempfile.TemporaryDirectory(dir=self.plan.out, prefix=".making_") as folder:
                made = self.maker.make(job, Path(folder), job.rng(self.plan.seed), tell)
                genuine = self._genuine(job.source, Path(folder), tell)
                self._keep(job, made, genuine)
        except DeepfakeHFError as error:
            text = str(error)
            self.failed.append(text if job.source.path in text else f"{job.source.path}: {text}")
        except (OSError, cv2.error) as error:
            self.failed.append(f"{job.source.path}: {error}. Check the disk and the file, and run again.")

    def _genuine(self, source: Source, folder: Path, tell: Tell) -> str:
        """Where the genuine twin lies; the source itself without twins."""
        if not self.plan.twins:
            return source.path
        if source.path not in self._twins:
            there = _existing(self.plan.out / "genuine", source.flat)
            if there is None or self.plan.overwrite:
                written = self.maker.twin(source, folder, tell)
                there = _moved(written, self.plan.out / "genuine", source.flat)
            self._twins[source.path] = str(there)
        return self._twins[source.path]

    def _keep(self, job: Job, made: Made, genuine: str) -> None:
        out, parts = self.plan.out, (job.source, *made.others)
        file = _moved(made.file, out / "fakes", job.stem)
        details = {
            "file": file.name,
            "method": job.method,
            "seed": self.plan.seed,
            "ordinal": job.ordinal,
            "made_of": [part.path for part in parts],
            **made.details,
        }
        if made.mask is not None:
            details["mask"] = f"masks/{_moved(made.mask, out / 'masks', job.stem).name}"
        (out / "details").mkdir(exist_ok=True)
        (out / "details" / f"{job.stem}.json").write_text(json.dumps(details, indent=1, ensure_ascii=False) + "\n")
        row = job.source.row
        known = [part.row.identity for part in parts if part.row.identity]
        fake = replace(
            row,
            path=os.path.abspath(file),
            label=FAKE,
            method=job.method,
            identity="|".join(dict.fromkeys(known)),
            source="|".join(dict.fromkeys(part.name for part in parts)),
            start_s=made.start_s,
            end_s=made.end_s,
        )
        self._rows[os.path.abspath(genuine)] = replace(row, path=os.path.abspath(genuine))
        self._rows[fake.path] = fake
        self.made += 1

    def _save(self) -> None:
        if self._rows:
            write_manifest(self.plan.out / MANIFEST, list(self._rows.values()))


def run(
    paths: Sequence[str],
    plan: Plan,
    methods: Sequence[str],
    prepare: Callable[[list[Source]], Maker],
) -> int:
    """Do a command.

    Args:
        paths: As the user gave them.
        plan: The common options.
        methods: One fake of each source is made in each of these ways, ``plan.count`` times.
        prepare: Makes the maker, which sees all sources.

    Returns:
        The exit status.
    """
    errors = Console(stderr=True)
    try:
        sources, empty = find_sources(paths, plan)
        for message in empty:
            errors.print(message, style="yellow", markup=False, soft_wrap=True)
        if not sources:
            if not empty:
                raise UsageError("synth", f"there is no file outside {plan.out}", "name genuine media")
            return BAD_USAGE
        workshop = Workshop(plan, prepare(sources))
    except DeepfakeHFError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return BAD_USAGE
    jobs = [Job(source, method, k) for source in sources for method in methods for k in range(plan.count)]
    workshop.run(jobs, errors)
    for line in workshop.failed:
        errors.print(line, style="red", markup=False, soft_wrap=True)
    if not plan.quiet:
        counts = {"made": workshop.made, "kept from before": workshop.kept, "could not be made": len(workshop.failed)}
        told = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word == "made")
        Console().print(f"{told}; {plan.out / MANIFEST}", markup=False, soft_wrap=True)
    return SOME_UNREADABLE if workshop.failed or empty else DONE


def _existing(folder: Path, stem: str) -> Path | None:
    with contextlib.suppress(FileNotFoundError):
        return next((path for path in sorted(folder.iterdir()) if path.stem == stem), None)
    return None


def _moved(file: Path, folder: Path, stem: str) -> Path:
    """Put a finished file in its place, whole or not at all; one of the same stem and another ending goes."""
    folder.mkdir(exist_ok=True)
    place = folder / f"{stem}{file.suffix}"
    before = _existing(folder, stem)
    os.replace(file, place)
    if before is not None and before != place:
        before.unlink()
    return place
