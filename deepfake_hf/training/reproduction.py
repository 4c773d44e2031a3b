"""The weights in the box, made again: every command in order, as a list to read and to run.

The list is ``reproduction.yaml``; ``docs/training.md`` shows the same.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from deepfake_hf.errors import UsageError

_LIST: Final = Path(__file__).with_name("reproduction.yaml")
_COMMAND: Final = "from deepfake_hf.cli import main; main()"
Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Step:
    """One command.

    Args:
        name: For ``--from`` and ``--until``.
        run: As a shell takes it; the folders of the data stand in it as words in capitals.
        makes: What is there once it is done, so that it is not run twice; empty: it is run each time.
        by_hand: What a person has to do for it first; empty: nothing.
        note: For who reads.
    """

    name: str
    run: str
    makes: str = ""
    by_hand: str = ""
    note: str = ""

    def words(self, folders: Mapping[str, str]) -> list[str]:
        """Its command as a program is started with it."""
        words = [_filled(word, folders) for word in shlex.split(self.run)]
        programs = {"python": [sys.executable], "deepfake-hf": [sys.executable, "-c", _COMMAND]}
        return [*programs[words[0]], *words[1:]]


def _filled(word: str, folders: Mapping[str, str]) -> str:
    first, *rest = word.split("/", 1)
    return "/".join([folders.get(first, first), *rest])


def read_steps() -> list[Step]:
    """All of them, in order."""
    return [Step(**fields) for fields in yaml.safe_load(_LIST.read_text(encoding="utf-8"))]


def as_text(steps: Sequence[Step]) -> str:
    """For a shell, notes as comments above their command."""
    lines = []
    for step in steps:
        notes = "; ".join(part for part in (step.note, step.by_hand and f"by hand: {step.by_hand}") if part)
        lines += [f"# {step.name}{': ' if notes else ''}{notes}", step.run.rstrip()]
    return "\n".join(lines)


def run_steps(
    steps: Sequence[Step], folders: Mapping[str, str], start: str | None = None, until: str | None = None,
    run: Run = lambda words: subprocess.run(words, check=False).returncode, tell: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Run what is not done yet, in the checkout that is the working directory.

    Args:
        steps: All of them.
        folders: By word in capitals, the folder it stands for.
        start: The first step to run; None: the first of all.
        until: The last.
        run: Starts a program and gives its exit status.
        tell: Gets a line a step.

    Raises:
        UsageError: No checkout, no such step, something that a person has to do first, or a command that failed.
    """
    if not Path("train.py").is_file():
        raise UsageError("reproduce", "there is no train.py here", "run it in a checkout of the repository")
    names = [step.name for step in steps]
    for name in (start, until):
        if name is not None and name not in names:
            raise UsageError(f"the step {name}", "there is none of that name", f"use one of {', '.join(names)}")
    first, last = names.index(start) if start else 0, names.index(until) if until else len(names) - 1
    for step in steps[first : last + 1]:
        if step.makes and Path(step.makes).exists():
            tell(f"{step.name}: done before ({step.makes})")
            continue
        if step.by_hand and step.name != start:
            raise UsageError(
                f"the step {step.name}", f"a person comes first: {step.by_hand}", f"then go on with --from {step.name}"
            )
        tell(f"{step.name}: {step.run.strip()}")
        status = run(step.words(folders))
        if status:
            raise UsageError(
                f"the step {step.name}",
                f"its command ended with status {status}",
                f"mend it and use --from {step.name}",
            )
