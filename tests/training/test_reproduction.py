"""The list that makes the weights in the box again: every command is one, the page shows it, a run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from click import Command, Context, Group

from deepfake_hf.cli.app import app as library
from deepfake_hf.cli.train import app as train
from deepfake_hf.errors import UsageError
from deepfake_hf.training.reproduction import Step, as_text, read_steps, run_steps

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"FACES": "/data/faces", "SPEECH": "/data/speech", "VIDEO": "/data/video"}


def parse(command: Command, words: list[str], parent: Context | None = None) -> None:
    """As the command line does, without running it."""
    context = command.make_context(words[0], words[1:], parent=parent)
    if isinstance(command, Group):
        name, inner, rest = command.resolve_command(context, [*context.protected_args, *context.args])
        assert name is not None and inner is not None
        parse(inner, [name, *rest], context)


@pytest.mark.parametrize("step", read_steps(), ids=lambda step: step.name)
def test_every_step_is_a_command(step: Step) -> None:
    _, *words = step.words(FOLDERS)
    assert not any(word.split("/")[0] in FOLDERS for word in words)
    if words[0] == "-c":
        parse(typer.main.get_command(library), ["deepfake-hf", *words[2:]])
    elif words[0] == "train.py":
        parse(typer.main.get_command(train), words)
    else:
        assert words[:2] == ["-m", "deepfake_hf.training.speech_voices"]


def test_what_a_step_starts_from_was_made_before() -> None:
    made: set[str] = set()
    for step in read_steps():
        words = step.words({})
        own = {words[i + 1] for i, word in enumerate(words) if word == "--out"} or {step.makes}
        for word in words:
            if word.startswith("runs/") and word not in own | {step.makes}:
                assert any(word.startswith(known) for known in made), (step.name, word)
        made |= {"/".join(place.split("/")[:2]) for place in own if place}


def test_the_page_shows_the_list() -> None:
    assert f"```bash\n{as_text(read_steps())}\n```" in (ROOT / "docs" / "training.md").read_text()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


STEPS = [
    Step("one", "python train.py one --data FACES/x", makes="one.txt"),
    Step("two", "deepfake-hf two", makes="two.txt", by_hand="bring the films"),
    Step("three", "python train.py three"),
]


def test_a_run_leaves_out_what_is_done_and_waits_for_people(checkout: Path) -> None:
    ran: list[list[str]] = []

    def run(words: list[str]) -> int:
        ran.append(words[1:])
        return 0

    with pytest.raises(UsageError, match="bring the films"):
        run_steps(STEPS, FOLDERS, run=run)
    assert ran == [["train.py", "one", "--data", "/data/faces/x"]]
    (checkout / "one.txt").touch()
    run_steps(STEPS, FOLDERS, start="two", run=run)
    assert ran[1:] == [["-c", "from deepfake_hf.cli import main; main()", "two"], ["train.py", "three"]]
    (checkout / "two.txt").touch()
    run_steps(STEPS, FOLDERS, until="two", run=run)
    assert len(ran) == 3


def test_a_failed_command_and_a_wrong_place_are_said(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="status 3"):
        run_steps(STEPS, FOLDERS, run=lambda words: 3)
    with pytest.raises(UsageError, match="none of that name"):
        run_steps(STEPS, FOLDERS, until="four", run=lambda words: 0)
    (checkout / "train.py").unlink()
    with pytest.raises(UsageError, match="checkout"):
        run_steps(STEPS, FOLDERS, run=lambda words: 0)
