"""Many visitors at once against a page in a process of its own.

``python -m tests.space.load [--visitors 20] [--each 5]``: each visitor sends file after file (pictures, speech,
videos), and nobody is refused. Prints seconds per request and the page's memory after each fifth of all. Exit status 1:
a fault, a request over its time, or memory that grew. Not a test: it takes minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from gradio_client import Client, handle_file

from deepfake_hf.synthesis.examples import make_examples

PORT, REQUEST_S, GROWTH = 7954, 600.0, 1.1


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class Load:
    """The visitors' requests and what came of them."""

    def __init__(self, pid: int, visitors: int, each: int) -> None:
        self.pid, self.visitors, self.each = pid, visitors, each
        self.files = [str(example.path) for example in make_examples()]
        self.seconds: list[float] = []
        self.faults: list[str] = []
        self.marks: list[tuple[int, float]] = []
        self._guard = threading.Lock()

    def run(self) -> None:
        """All visitors at once."""
        visitors = [threading.Thread(target=self._visit, args=(place,)) for place in range(self.visitors)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()

    def _visit(self, place: int) -> None:
        client = Client(f"http://127.0.0.1:{PORT}", verbose=False, httpx_kwargs={"timeout": REQUEST_S})
        for turn in range(self.each):
            file = self.files[(place + turn) % len(self.files)]
            started = time.perf_counter()
            fault = ""
            try:
                found = client.submit(handle_file(file), api_name="/detect").result(timeout=REQUEST_S)
                if found["status"] != "scored" or found["file"] != Path(file).name:
                    fault = f"{file}: {found['file']} {found['status']} {found['reason']}"
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
            with self._guard:
                self.seconds.append(time.perf_counter() - started)
                self.faults += [fault] if fault else []
                if len(self.seconds) % max(1, self.visitors * self.each // 5) == 0:
                    self.marks.append((len(self.seconds), memory_mb(self.pid)))


def main(arguments: list[str] | None = None) -> int:
    """Start the page, load it, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.space.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--each", type=int, default=5, help="files that each visitor sends")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as uploads:
        # As on a Space: one analysis at a time; the line is as long as there are visitors.
        environment = os.environ | {"DEEPFAKE_HF_SPACE_QUEUE": str(options.visitors), "GRADIO_TEMP_DIR": uploads}
        command = [sys.executable, "-m", "space.app", "--port", str(PORT)]
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as page:
            try:
                assert page.stdout is not None
                if not any("The page is at" in line for line in page.stdout):
                    print("The page did not start.", file=sys.stderr)
                    return 1
                print(f"started in {time.perf_counter() - started:.1f} s, {memory_mb(page.pid):.0f} MB", flush=True)
                load = Load(page.pid, options.visitors, options.each)
                started = time.perf_counter()
                load.run()
                gone = time.perf_counter() - started
            finally:
                page.terminate()
    seconds = sorted(load.seconds)
    print(f"{len(seconds)} requests of {options.visitors} visitors in {gone:.0f} s, {len(load.faults)} faults")
    for fault in load.faults[:5]:
        print(f"  {fault}")
    print(f"median {seconds[len(seconds) // 2]:.1f} s, slowest {seconds[-1]:.1f} s, queue and upload included")
    print("memory (MB) after n requests:", ", ".join(f"{count}: {held:.0f}" for count, held in load.marks))
    grew = load.marks[-1][1] > GROWTH * load.marks[1][1] if len(load.marks) > 2 else False
    if grew:
        print(f"memory grew by more than {100 * (GROWTH - 1):.0f} % after the second fifth")
    return 1 if load.faults or grew else 0


if __name__ == "__main__":
    raise SystemExit(main())
