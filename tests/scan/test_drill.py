"""The long drill in small, so that it runs when it is wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tiny_bundle import write_tiny_bundle


def test_a_killed_scan_of_a_small_archive_loses_nothing(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny").path
    options = ["--files", "24", "--kills", "1", "--workers", "1", "--sample", "3", "--seed", "3"]
    command = [sys.executable, "-m", "tests.scan.drill", *options, "--bundle", str(bundle)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"scans_killed": 1' in ran.stdout and '"sample_equal": "3 of 3"' in ran.stdout
