"""Work done ahead of its consumer, in threads, in order, and never further ahead than stated."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

NUM_WORKERS = min(8, os.cpu_count() or 1)
"""Pillow and zlib release the interpreter lock while they decode; past eight threads the rest of Python is the limit"""


def overlapped(
    work: Callable[[Item], Result], items: Iterable[Item], *, num_workers: int = NUM_WORKERS, ahead: int | None = None
) -> Iterator[Result]:
    """Yield work(item) in the order of the items, while up to `ahead` of them are in work or wait to be taken.

    `ahead` is twice the number of workers unless told. One worker does one item after the other, in order. What `work`
    raises is raised here, in its turn. A consumer that stops early waits for what is in work, and cancels the rest.
    """
    limit = ahead or 2 * num_workers
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(num_workers, thread_name_prefix="aigc-bench-inputs") as pool:
        try:
            for item in items:
                if len(pending) == limit:
                    yield pending.popleft().result()
                pending.append(pool.submit(work, item))
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
