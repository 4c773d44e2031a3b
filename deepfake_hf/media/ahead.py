"""Decoding in a thread of its own, some items ahead of who works on them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")
DEPTH: Final = 4  # items: few enough that memory stays flat, enough that neither side often waits
_END: Final = object()


def read_ahead(items: Iterable[T], depth: int = DEPTH) -> Iterator[T]:
    """The same items in the same order, made while the caller works on those before.

    What the source raises is raised here, after the items before it. When the caller stops early, the source is left
    where it stands and closed, in its own thread.

    Args:
        items: Made by code that lets go of the interpreter's lock, as decoders do; else nothing is gained.
        depth: How many may wait.
    """
    waiting: queue.Queue[object] = queue.Queue(depth)
    stopped = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                waiting.put(item)
                if stopped.is_set():
                    break
        except BaseException as error:  # raised again in the caller's thread
            failures.append(error)
        finally:
            getattr(source, "close", lambda: None)()
            waiting.put(_END)

    thread = threading.Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    got: object = None
    try:
        while (got := waiting.get()) is not _END:
            yield got  # type: ignore[misc]
        if failures:
            raise failures[0]
    finally:
        stopped.set()
        while got is not _END:  # so that the thread never waits for room
            got = waiting.get()
        thread.join()
