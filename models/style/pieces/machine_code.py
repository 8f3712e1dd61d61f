"""Functions as machine code, by numba: a step of a piece is many small ones that cost more to call than to compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from llvmlite import binding, ir
from numba.extending import intrinsic

# x86 processors from before 2013 lack the instruction, and LLVM would call a function that isn't there
WIDENS_HALVES = binding.get_host_cpu_features().get("f16c", True)

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


def _widening(_context: Any, _bits: Any) -> tuple[Any, Callable[..., Any]]:
    def generated(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return numba.float32(numba.int16), generated


# in compiled functions: the float32 of a float16, which numba does not know on CPUs, from its bits (an int16)
widened = cast("Callable[[Any], Any]", intrinsic(_widening))
