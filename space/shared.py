"""What the tabs have in common: the engine, running jobs, held uploads, and the visitor's choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from space.engine import Choice, Engine, Workshop
from space.history import History
from space.jobs import Sessions
from space.uploads import Uploads

PRIVATE = {"api_visibility": "private"}
OPERATING_POINTS = [
    ("Strict: the limit that 1 in 100 genuine calibration items reach", "fpr1"),
    ("Sensitive: 5 in 100 reach it, and fewer fakes are missed", "fpr5"),
    ("My own limit", "own"),
]


@dataclass(frozen=True)
class Settings:
    """A visitor's choice, and the share of fakes among the files that they look at."""

    choice: Choice = field(default_factory=Choice)
    prevalence: float = 0.05


@dataclass
class Shared:
    """One for the whole page."""

    engine: Engine
    history: History | None
    jobs: Sessions = field(default_factory=Sessions)
    uploads: Uploads = field(default_factory=Uploads)
    settings: gr.State | None = None  # the component; each visitor has a value of their own
    workshops: dict[str, Workshop] = field(default_factory=dict)

    def workshop(self, session: str) -> Workshop:
        """A new folder for what the session's next analysis writes; the one before goes."""
        self.leave_workshop(session)
        self.workshops[session] = Workshop()
        return self.workshops[session]

    def leave_workshop(self, session: str) -> None:
        close_workshop(self.workshops.pop(session, None))


def session_of(request: gr.Request | None) -> str:
    """Who is asking; calls without a session share none."""
    return (request.session_hash if request is not None else None) or "nobody"


def new_workshop(engine: Engine) -> gr.State:
    """A visitor's folder of written files, deleted with the session or after the page's time."""
    return gr.State(None, time_to_live=engine.limits.keep_s, delete_callback=close_workshop)


def close_workshop(workshop: Workshop | None) -> None:
    if workshop is not None:
        workshop.close()


def name_of(path: str | None) -> str:
    return Path(path).name if path else ""
