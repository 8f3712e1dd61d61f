"""One more step of each piece, compiled for CPUs: what ``PieceModel`` says of it, in less than half the time.

A step of a model this small is some dozens of products of a matrix and a few vectors. Torch needs as long to call them
as to compute them, and float32 weights are more than a processor's cache holds. Here products, attention, GELU and
tables are a function each, compiled by numba, and weights are float16, as they are shipped; all else is float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import binding, ir
from numba.extending import intrinsic
from torch import Tensor

from models.music.tokens import PITCH, POSITION
from models.style.layers import Block, Head, Multihot
from models.style.pieces.model import EARLIER, QUARTER, Cache, PieceModel, speeds

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.int16]  # the bits of float16, which numba does not know on CPUs
Ints = npt.NDArray[np.int64]

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


EPSILON = np.float32(1e-5)  # of torch's layer normalisation
# e^x = 2^n e^r with r within half of log 2, by its Taylor polynomial: 5e-7 off at most, relatively
LOG2_E, LOG_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)


@compiled_for_finite_numbers
def _exponentials(x: Floats) -> None:
    """e to the power of a vector's numbers in place; no number is above 80. Far faster than one by one."""
    powers = np.empty(len(x), dtype=np.int32)
    scale = powers.view(np.float32)
    for i in range(len(x)):
        value = max(x[i], np.float32(-87))
        n = np.floor(value * LOG2_E + np.float32(0.5))
        r = value - n * LOG_2
        powers[i] = (np.int32(n) + np.int32(127)) << np.int32(23)
        third = np.float32(1 / 6) + r * (np.float32(1 / 24) + r * (np.float32(1 / 120) + r * np.float32(1 / 720)))
        x[i] = np.float32(1) + r * (np.float32(1) + r * (np.float32(1 / 2) + r * third))
    for i in range(len(x)):
        x[i] *= scale[i]


@compiled_for_finite_numbers
def _product(weight: Halves, x: Floats) -> Floats:
    """``x`` ``(rows, inputs)`` · ``weight`` ``(outputs, inputs)`` transposed: ``(rows, outputs)``."""
    outputs, inputs = weight.shape
    rows = len(x)
    found = np.empty((rows, outputs), dtype=np.float32)
    if rows == 1:  # who shares nothing keeps nothing, in three quarters of the time
        for o in range(outputs):
            a = np.float32(0)
            for i in range(inputs):
                a += widened(weight[o, i]) * x[0, i]
            found[0, o] = a
        return found
    whole = np.empty(inputs, dtype=np.float32)
    for o in range(outputs):
        for i in range(inputs):
            whole[i] = widened(weight[o, i])
        r = 0
        while r + 4 <= rows:  # four at a time, since they share what is read
            a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for i in range(inputs):
                w = whole[i]
                a += w * x[r, i]
                b += w * x[r + 1, i]
                c += w * x[r + 2, i]
                d += w * x[r + 3, i]
            found[r, o], found[r + 1, o], found[r + 2, o], found[r + 3, o] = a, b, c, d
            r += 4
        while r < rows:
            a = np.float32(0)
            for i in range(inputs):
                a += whole[i] * x[r, i]
            found[r, o] = a
            r += 1
    return found


@compiled_for_finite_numbers
def _normalise(x: Floats) -> None:
    """Layer normalisation of a vector in place."""
    mean = np.float32(0)
    for value in x:
        mean += value
    mean /= np.float32(len(x))
    variance = np.float32(0)
    for value in x:
        variance += (value - mean) * (value - mean)
    scale = np.float32(1) / np.sqrt(variance / np.float32(len(x)) + EPSILON)
    for i in range(len(x)):
        x[i] = (x[i] - mean) * scale


@compiled_for_finite_numbers
def _normalised(x: Floats) -> Floats:
    """Layer normalisation of each row."""
    found = np.empty(x.shape, dtype=np.float32)
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            found[r, i] = x[r, i]
        _normalise(found[r])
    return found


@compiled_for_finite_numbers
def _softmax(x: Floats) -> None:
    """Softmax of a vector in place."""
    highest, total = x[0], np.float32(0)
    for value in x:
        highest = max(highest, value)
    for i in range(len(x)):
        x[i] -= highest
    _exponentials(x)
    for value in x:
        total += value
    for i in range(len(x)):
        x[i] /= total


@compiled_for_finite_numbers
def _gelu(x: Floats) -> None:
    """GELU of a matrix in place, by the hyperbolic tangent: x / (1 + e^-2y), which is x (1 + tanh y) / 2."""
    power = np.empty(x.shape[1], dtype=np.float32)
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            v = x[r, i]
            inner = np.float32(-2 * 0.7978845608028654) * (v + np.float32(0.044715) * v * v * v)
            power[i] = min(inner, np.float32(80))
        _exponentials(power)
        for i in range(x.shape[1]):
            x[r, i] /= np.float32(1) + power[i]


@compiled_for_finite_numbers
def _looked_up(classes: Ints, first: Ints, weight: Floats) -> Floats:
    """``Multihot`` of ``classes`` ``(rows, fields)``, -1 for none: ``(rows, dim)``."""
    rows, fields = classes.shape
    dim = weight.shape[1]
    found = np.empty((rows, dim), dtype=np.float32)
    for r in range(rows):
        absent = False
        for i in range(dim):
            found[r, i] = np.float32(0)
        for f in range(fields):
            if classes[r, f] < 0:
                absent = True
            else:
                row = weight[classes[r, f] + first[f]]
                for i in range(dim):
                    found[r, i] += row[i]
        if absent:
            for i in range(dim):
                found[r, i] += weight[-1, i]
    return found


@compiled_for_finite_numbers
def _likenesses(query: Floats, keys: Floats, found: Floats) -> None:
    """``found`` ``(steps,)``: ``query`` times each of the first ``keys``; four at a time, in half the time."""
    steps, s = len(found), 0
    while s + 4 <= steps:
        a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for i in range(len(query)):
            q = query[i]
            a += q * keys[s, i]
            b += q * keys[s + 1, i]
            c += q * keys[s + 2, i]
            d += q * keys[s + 3, i]
        found[s], found[s + 1], found[s + 2], found[s + 3] = a, b, c, d
        s += 4
    while s < steps:
        a = np.float32(0)
        for i in range(len(query)):
            a += query[i] * keys[s, i]
        found[s] = a
        s += 1


@compiled_for_finite_numbers
def _weighted(share: Floats, values: Floats, found: Floats) -> None:
    """``found`` ``(head_dim,)``: the sum of the first ``values``, each times its ``share``; also four at a time."""
    steps, s = len(share), 0
    for i in range(len(found)):
        found[i] = np.float32(0)
    while s + 4 <= steps:
        a, b, c, d = share[s], share[s + 1], share[s + 2], share[s + 3]
        for i in range(len(found)):
            found[i] += a * values[s, i] + b * values[s + 1, i] + c * values[s + 2, i] + d * values[s + 3, i]
        s += 4
    while s < steps:
        for i in range(len(found)):
            found[i] += share[s] * values[s, i]
        s += 1


@compiled_for_finite_numbers
def _attended(qkv: Floats, cos: Floats, sin: Floats, keys: Floats, values: Floats, at: Ints) -> Floats:  # noqa: PLR0917
    """What each row's new step hears, ``(rows, dim)``, from its query, key and value, one behind the other in ``qkv``.

    ``keys`` and ``values`` ``(rows, heads, room, head_dim)`` gain the step at ``at`` ``(rows,)``; ``cos`` and ``sin``
    are ``(rows, head_dim / 2)``.
    """
    rows, heads, _, size = keys.shape
    dim = heads * size
    found = np.empty((rows, dim), dtype=np.float32)
    for r in range(rows):
        now = at[r]
        share = np.empty(now + 1, dtype=np.float32)
        for h in range(heads):
            query = qkv[r, h * size : (h + 1) * size]
            key = qkv[r, dim + h * size : dim + (h + 1) * size]
            for vector in (query, key):
                _normalise(vector)
                for i in range(size // 2):
                    a, b = vector[i], vector[size // 2 + i]
                    vector[i] = a * cos[r, i] - b * sin[r, i]
                    vector[size // 2 + i] = a * sin[r, i] + b * cos[r, i]
            for i in range(size):
                keys[r, h, now, i], values[r, h, now, i] = key[i], qkv[r, 2 * dim + h * size + i]
                query[i] /= np.sqrt(np.float32(size))
            _likenesses(query, keys[r, h], share)
            _softmax(share)
            _weighted(share, values[r, h], found[r, h * size : (h + 1) * size])
    return found


@compiled_for_finite_numbers
def _add(x: Floats, more: Floats) -> None:
    """``more`` to a matrix in place."""
    for r in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[r, i] += more[r, i]


@compiled_for_finite_numbers
def _after_layers(  # noqa: PLR0917
    x: Floats,
    told: Floats,
    cos: Floats,
    sin: Floats,
    keys: Floats,
    values: Floats,
    at: Ints,
    latent: Halves,
    qkv: Halves,
    out: Halves,
    up: Halves,
    down: Halves,
) -> Floats:
    """Each ``Block`` in turn on ``x`` ``(rows, dim)``, in place; all weights are ``(layers, outputs, inputs)``.

    The rest is as in ``_attended``, with the layers before the rows in ``keys`` and ``values``.
    """
    for n in range(len(qkv)):
        _add(x, _product(latent[n], told))
        heard = _attended(_product(qkv[n], _normalised(x)), cos, sin, keys[n], values[n], at)
        _add(x, _product(out[n], heard))
        wide = _product(up[n], _normalised(x))
        _gelu(wide)
        _add(x, _product(down[n], wide))
    return _normalised(x)


@compiled_for_finite_numbers
def _head(state: Floats, inner: Halves, out: Halves) -> Floats:
    """``Head`` on ``state`` ``(rows, dim)``."""
    hidden = _product(inner, state)
    _gelu(hidden)
    return _product(out, hidden)


@dataclass(frozen=True)
class _Table:
    """A ``Multihot``: its rows in float32, and where each field's begin."""

    first: Ints
    weight: Floats

    @classmethod
    def of(cls, multihot: Multihot) -> _Table:
        return cls(multihot.first.numpy().copy(), multihot.weight.detach().numpy().copy())

    def __call__(self, classes: Ints) -> Floats:
        return _looked_up(np.ascontiguousarray(classes), self.first, self.weight)


class NextStep:
    """The weights of a ``PieceModel`` on a CPU as they are now, and its ``forward`` and ``logits`` of one step."""

    def __init__(self, model: PieceModel) -> None:
        self.config = model.config
        self.embed, self.conditions = _Table.of(model.embed), _Table.of(model.conditions)
        self.given = {int(name): _Table.of(cast("Multihot", each)) for name, each in model.given.items()}
        self.told = _halves(model.told.weight)
        layers = [[_halves(weight) for weight in _weights(block)] for block in model.blocks]
        self.layers = _side_by_side([np.stack(each) for each in zip(*layers, strict=True)])
        heads = {int(name): cast("Head", head) for name, head in model.heads.items()}
        self.heads = {e: (_halves(head.inner.weight), _halves(head.out.weight)) for e, head in heads.items()}
        half = model.config.dim // model.config.heads // 2
        self.by_step, self.by_bar = (each.numpy() for each in speeds(half, "cpu"))

    def state(
        self, classes: Ints, conditions: Ints, bars: Floats, cache: Cache, entering: Floats | None = None
    ) -> Floats:
        """``PieceModel.forward`` of one step a row, each without its axis of steps, ``(rows, …)``: ``(rows, dim)``.

        Like it, it leaves ``cache.at`` to the caller. ``entering``: what latents add to the steps, ``(rows, dim)``.
        """
        position, pitch = classes[:, POSITION, None], classes[:, PITCH, None]
        both = (np.where(pitch < 0, -1, each) for each in (position % QUARTER, pitch % 12))
        told = _normalised(self.conditions(conditions[:, : len(self.config.conditions)]))
        x = self.embed(np.concatenate([classes, *both], 1)) + _product(self.told, told)
        x = x if entering is None else x + entering
        at = cache.at.numpy()
        turned = (at[:, None] * self.by_step, bars[:, None] * self.by_bar)
        angle = np.concatenate(turned, 1, dtype=np.float32)
        cache.make_room(int(at.max()) + 1)
        keys, values = cache.keys.numpy(), cache.values.numpy()
        return _after_layers(x, told, np.cos(angle), np.sin(angle), keys, values, at, *self.layers)

    def logits(self, state: Floats, element: int, step: Ints) -> Floats:
        """``PieceModel.logits``, without what latents say of the coming step."""
        if EARLIER[element]:
            state = state + self.given[element](step[:, list(EARLIER[element])])
        return _head(state, *self.heads[element])


_KNOWN: WeakKeyDictionary[PieceModel, tuple[tuple[int, ...], NextStep]] = WeakKeyDictionary()


def next_step(model: PieceModel) -> NextStep | None:
    """The compiled step of ``model`` as its weights are now; None where it is not at rest on a CPU in float32.

    Nor where its weights were made in inference mode, since nobody can tell then whether they changed, nor on a
    processor that can't widen float16.
    """
    weights = list(model.parameters())
    others = (each.device.type != "cpu" or each.dtype != torch.float32 or each.is_inference() for each in weights)
    if model.training or not WIDENS_HALVES or any(others):
        return None
    versions = tuple(each._version for each in weights)
    known = _KNOWN.get(model)
    if known is None or known[0] != versions:
        known = _KNOWN[model] = versions, NextStep(model)
    return known[1]


def _weights(block: Block) -> list[Tensor]:
    return [each.weight for each in (block.latent, block.qkv, block.out, block.up, block.down)]


def _halves(weight: Tensor) -> Halves:
    return weight.detach().half().contiguous().numpy().view(np.int16)


def _side_by_side(arrays: list[Halves]) -> list[Halves]:
    """The same in one block of memory, which Linux then maps in huge pages: read a tenth sooner."""
    block = np.empty(sum(each.size for each in arrays), dtype=np.int16)
    parts = np.split(block, np.cumsum([each.size for each in arrays])[:-1])
    found = [part.reshape(each.shape) for part, each in zip(parts, arrays, strict=True)]
    for part, each in zip(found, arrays, strict=True):
        part[:] = each
    return found
