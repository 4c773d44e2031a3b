"""20 visitors at once and 100 analyses, against a page in a process of its own: ``python -m tests.space.load``.

Prints seconds per request and the page's memory after each fifth of them.
Not a test: it takes minutes where the machine is busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from gradio_client import Client, handle_file

from deepfake_hf.synthesis.examples import make_examples

PORT, VISITORS, EACH = 7954, 20, 5


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def main() -> int:
    picture = str(make_examples()[3].path)
    environment = os.environ | {"DEEPFAKE_HF_SPACE_QUEUE": str(VISITORS)}
    command = [sys.executable, "-m", "space.app", "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as page:
        assert page.stdout is not None
        print(page.stdout.readline().strip(), flush=True)
        seconds: list[float] = []
        faults: list[str] = []
        marks: list[tuple[int, float]] = []
        guard = threading.Lock()

        def visit() -> None:
            client = Client(f"http://127.0.0.1:{PORT}", verbose=False)
            for _ in range(EACH):
                started = time.perf_counter()
                try:
                    client.predict(handle_file(picture), api_name="/detect")
                except Exception as error:
                    faults.append(str(error))
                with guard:
                    seconds.append(time.perf_counter() - started)
                    if len(seconds) % 20 == 0:
                        marks.append((len(seconds), memory_mb(page.pid)))

        try:
            visitors = [threading.Thread(target=visit) for _ in range(VISITORS)]
            for visitor in visitors:
                visitor.start()
            for visitor in visitors:
                visitor.join()
        finally:
            page.terminate()
    seconds.sort()
    print(f"{len(seconds)} requests, {len(faults)} faults {faults[:2]}")
    print(f"median {seconds[len(seconds) // 2]:.1f} s, slowest {seconds[-1]:.1f} s")
    print("memory (MB) after n requests:", ", ".join(f"{count}: {held:.0f}" for count, held in marks))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
