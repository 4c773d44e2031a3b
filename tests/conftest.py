"""What holds for every test: no network, two threads, no clock on property tests, no browser test skipped in CI."""

from __future__ import annotations

import os
from collections.abc import Generator

# Before anything imports the libraries that read these at import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("MPLBACKEND", "Agg")
# torch takes its number of threads from here; setting it later would need torch in every test run.
os.environ["OMP_NUM_THREADS"] = "2"
os.environ["MKL_NUM_THREADS"] = "2"

import pytest
from hypothesis import settings

# A busy machine would fail property tests by hypothesis' 200 ms an example.
settings.register_profile("no_clock", deadline=None)
settings.load_profile("no_clock")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped browser test is a failed one where DEEPFAKE_HF_REQUIRE_BROWSER=1 (as in `.ci/run`)."""
    report = yield
    required = os.environ.get("DEEPFAKE_HF_REQUIRE_BROWSER") == "1"
    if required and report.skipped and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but DEEPFAKE_HF_REQUIRE_BROWSER=1: {report.longrepr}"
    return report
