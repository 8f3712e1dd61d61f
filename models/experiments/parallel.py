"""Runs of small models side by side, each in a process of its own.

Small models wait for a GPU's launches, not for its arithmetic, so many of them train on one GPU about as fast as one.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Done = TypeVar("Done")


def run_parallel(work: Callable[[Item], Done], items: Sequence[Item], jobs: int) -> Iterator[Done]:
    """``work`` on each item, ``jobs`` at a time with one thread each, in the order of ``items``; 1 job: right here."""
    if jobs <= 1:
        yield from map(work, items)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(work, items)
