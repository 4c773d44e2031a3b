"""Items read ahead come in order, with the source's errors, and a caller who stops early leaves no thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from deepfake_hf.media import read_ahead


def ahead_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read ahead"]


def test_all_items_come_in_order() -> None:
    assert list(read_ahead(range(100), depth=3)) == list(range(100))
    assert list(read_ahead([])) == []
    assert list(read_ahead([None, None])) == [None, None]


def test_the_source_works_ahead_but_not_far() -> None:
    made: list[int] = []
    reached = threading.Event()

    def source() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            if number == 3:
                reached.set()
            yield number

    walk = read_ahead(source(), depth=3)
    assert next(walk) == 0
    assert reached.wait(5.0)  # while nobody asks for more
    assert len(made) <= 1 + 3 + 1
    assert list(walk) == list(range(1, 50))


def test_an_error_comes_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken here")

    got = []
    with pytest.raises(ValueError, match="broken here"):
        for item in read_ahead(source()):
            got.append(item)
    assert got == [1, 2] and not ahead_threads()


def test_who_stops_early_closes_the_source() -> None:
    closed: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.append(threading.current_thread().name)

    walk = read_ahead(source(), depth=2)
    for item in walk:
        if item == 5:
            break
    walk.close()  # type: ignore[attr-defined]
    assert closed == ["read ahead"] and not ahead_threads()
