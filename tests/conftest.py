"""What holds for every test: no network, one thread, no clock on property tests, no browser test skipped in CI."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

# Before anything imports the libraries that read these at import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("MPLBACKEND", "Agg")
# torch takes its number of threads from here; setting it later would need torch in every test run. One: there may be as
# many workers as cores (`make test`), and threads that wait for a busy core take many times as long.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from deepfake_hf.synthesis.examples import Example

# A busy machine would fail property tests by hypothesis' 200 ms an example.
settings.register_profile("no_clock", deadline=None)
settings.load_profile("no_clock")


# They start servers, browsers or clusters, or measure: one worker does them all, one after another, and begins early.
WHOLE_MACHINE: Final = (
    "tests/space/",
    "tests/scan/test_scan_ray.py",
    "tests/evaluation/test_bench.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker takes whole files, so that what a fixture of a module made serves all tests of it."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "whole machine" if nodeid.startswith(WHOLE_MACHINE) else nodeid.split("::", 1)[0]

    config.option.loadscopereorder = False  # it would put the longest files, which have few tests, last
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_MACHINE))


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """The demo's six files, made once for all tests that only read them."""
    from deepfake_hf.synthesis.examples import make_examples

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPFAKE_HF_CACHE", str(tmp_path_factory.mktemp("cache")))
        return make_examples()


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
