"""The ``deepfake-hf`` command. Commands are thin: they parse, call the public names and print."""

from __future__ import annotations

import os


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from deepfake_hf.cli.app import app

    app()
