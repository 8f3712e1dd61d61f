"""Functions as machine code, by numba: a step of a piece is many small ones that cost more to call than to compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """``function`` as machine code, kept on disk for the next process where a folder can be written."""
    return _compiled(function, fastmath=False)


def compiled_for_finite_numbers(function: Function) -> Function:
    """As ``compiled``, with sums in whatever order is fastest, and nothing said of infinity."""
    return _compiled(function, fastmath=True)


def _compiled(function: Function, *, fastmath: bool) -> Function:
    try:
        made = numba.njit(cache=True, fastmath=fastmath, nogil=True)(function)
    except RuntimeError:  # no folder for the cache
        made = numba.njit(fastmath=fastmath, nogil=True)(function)
    return cast("Function", made)
