"""Writing pieces side by side, step by step, with a key-value cache.

The same wishes and seed give the same notes again; beside other pieces, one differs by floating-point rounding only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.music.tokens import (
    BAR,
    DURATION,
    END,
    FIELDS,
    LENGTH,
    METER,
    PITCH,
    POSITION,
    TEMPO,
    VELOCITY,
    TokenArray,
)
from models.style.pieces import grammar
from models.style.pieces.bar_latents import BarLatents, Memory, RowLatents
from models.style.pieces.conditions import (
    ABSENT,
    CONDITIONS,
    LOWEST,
    NO_MOOD,
    NUCLEUS,
    OF_MOOD,
    OF_RETURNS,
    TEMPERATURE,
    WHOLE,
    Along,
    IntArray,
    Place,
    Wishes,
    along,
    before_first,
    by_element,
    classes,
    first_numbers,
    returns_by_number,
)
from models.style.pieces.data import TOGETHER
from models.style.pieces.grammar import COPIED, Held, HeldNotes, Onsets, RepeatBias, Steering, outer_first, upwards
from models.style.pieces.latent_lookup import LatentLookup, Tables, slot_of_classes
from models.style.pieces.model import NOTE_CHAIN, Cache, Coming, PieceModel, Steps
from models.style.pieces.next_step import NextStep, next_step

KEPT = 0.6  # share of a full context that is heard again, from a bar on
LET_GO = 0.25  # share of the rows in the cache that may have ended

Floats = npt.NDArray[np.float32]
Array = TypeVar("Array", bound=npt.NDArray[Any])


class Writing:
    """Pieces that are being written side by side; not thread-safe. ``step`` adds a step to each that hasn't ended.

    ``seeds`` has one for each piece; all begin with the steps of ``prompt`` ``(steps, 7)``. With ``places``, one for
    each as well, the wishes' last bar is counted from there, and it is there that the model is told to be. With
    ``latents``, one for each, it is told these of the bars from the first whole one on; what is ``held`` stays.
    """

    def __init__(
        self,
        model: PieceModel,
        wishes: Wishes,
        seeds: Sequence[Sequence[int]],
        prompt: TokenArray | None = None,
        places: Sequence[Place] = (),
        *,
        latents: Sequence[BarLatents] = (),
        held: Sequence[Held] = (),
    ) -> None:
        self.model, self.wishes, rows = model, wishes, len(seeds)
        self.compiled = next_step(model)
        self.before = np.array([place.before for place in places] or [0] * rows)
        self.last = np.array([place.last for place in places] or [wishes.last if wishes.ending else ABSENT] * rows)
        asked = [(place.meter, place.tempo) for place in places] or [(ABSENT, ABSENT)] * rows
        self.meter, self.tempo = (
            np.where(np.array(each) == ABSENT, usual, each)
            for each, usual in zip(zip(*asked, strict=True), (wishes.meter, wishes.tempo), strict=True)
        )
        weight = next(model.parameters())
        self.device, self.dtype = weight.device, weight.dtype
        self.generators = [np.random.default_rng(list(seed)) for seed in seeds]
        self.temperature = by_element(wishes.temperature, TEMPERATURE, rows)
        self.nucleus = by_element(wishes.nucleus, NUCLEUS, rows)
        self.returns = returns_by_number(wishes, places, rows)
        self.repeat_bias = RepeatBias(rows)
        self.steering = Steering(wishes.targets, rows) if wishes.targets else None
        self.onsets = Onsets(rows, outer=model.config.outer_first)
        self.ended = np.zeros(rows, dtype=bool)
        # each piece is heard as it is told to be, and where it is guided, after these also as if it was told neither
        # returns nor mood; just without its mood where what returns is made likelier anyway
        told = bool((self.returns != ABSENT).any()) and not wishes.repeat_bias
        self.guided = wishes.guidance != 1 and (told or wishes.mood != NO_MOOD or bool(latents))
        without = wishes.guided if self.guided else ()
        self.lookup = LatentLookup(model, latents, self.before, without) if latents else None
        if model.config.outer_first:
            held = [replace(each, tokens=outer_first(each.tokens)) for each in held]
        self.held = HeldNotes(held) if held else None
        self.likelihood = np.zeros(rows)  # log, of what is held behind something new, given all that came before it
        self.heard: IntArray  # whose steps the cache has: those that went on, when it was last looked at
        self.cache: Cache
        # of each piece: the BAR step of the bar that it is in, that bar's number, and how many notes it has
        self.head = np.full((rows, 7), ABSENT, dtype=np.int64)
        self.number, self.notes = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        self.notes_before = np.zeros((rows, TOGETHER - 1), dtype=np.int64)  # of the last bars before that one
        self.given_up = np.zeros(rows, dtype=bool)  # pieces that have ended since they came to be too crowded
        # of each step so far: its tokens (rows, 7), the numbers of the bars (rows,), and what was told along
        self.tokens: list[IntArray] = []
        self.numbers: list[IntArray] = []
        self.told: list[Along] = []
        if prompt is not None and model.config.outer_first:
            prompt = outer_first(prompt)
        for step in [] if prompt is None else prompt.astype(np.int64):
            self._follow(np.broadcast_to(step, (rows, 7)))
        self.given = len(self.tokens)
        self.state, self.unguided = (np.zeros((rows, model.config.dim), dtype=np.float32) for _ in range(2))
        self._hear_again()

    def pieces(self) -> list[TokenArray]:
        """The tokens of each piece so far, without END."""
        table = np.stack(self.tokens, 1).astype(np.int16)
        over = (table[..., POSITION] == END).cumsum(1) > 0
        return [upwards(row[~done]) for row, done in zip(table, over, strict=True)]

    @torch.inference_mode()
    def step(self) -> None:
        """Draw the next step of each piece that hasn't ended, and hear it."""
        drawn = self._drawn()
        step = np.where(drawn < 0, ABSENT, drawn + LOWEST)
        if self.held:
            step, had_to = self.held.instead(step, self.ended)
            self._weigh(had_to, step)
        step[self.ended] = [END, *[ABSENT] * (len(FIELDS) - 1)]
        self.ended = step[:, POSITION] == END
        self._follow(step)
        crowded = self.notes + self.notes_before.sum(1) > TOGETHER * self.wishes.most_dense
        self.given_up |= crowded & ~self.ended
        self.ended |= self.given_up
        if self.ended.all():
            return
        if int(self.cache.at.max()) >= self.model.config.context:
            self._hear_again()
            return
        self._let_go()
        told, rows = self.told[-1], self.heard
        now = self._inputs(classes(step)[rows], told.conditions[rows], told.bars[rows])
        if self.compiled:
            self._note(self.compiled.state(*now, self.cache, self._entering(rows)))
        else:
            told_now, memory = self._told_of(rows, (self.number - self.before)[rows, None])
            classed, conditions, bars = (self._tensor(each[:, None]) for each in now)
            steps = Steps(classed, conditions, bars, told=told_now)
            self._note(_array(self.model(steps, self.cache, memory)[:, 0]))
        self.cache.at += 1

    @torch.inference_mode()
    def choose(self, source: IntArray) -> None:
        """Each piece goes on as a copy of the one that ``source`` ``(rows,)`` names, with draws of its own.

        Raises ``ValueError`` where one that has ended is to copy or to be copied.
        """
        changed = np.flatnonzero(source != np.arange(len(self.ended)))
        if not len(changed):
            return
        if (self.ended[changed] | self.ended[source[changed]]).any():
            raise ValueError("a piece that has ended can neither copy another nor be copied; leave it as it is")
        self.tokens, self.numbers = [each[source] for each in self.tokens], [each[source] for each in self.numbers]
        self.told = [Along(each.conditions[source], each.bars[source]) for each in self.told]
        for name in (
            "before",
            "last",
            "meter",
            "tempo",
            "returns",
            "head",
            "number",
            "notes",
            "notes_before",
            "likelihood",
            "state",
            "unguided",
        ):
            setattr(self, name, getattr(self, name)[source])
        self.onsets.choose(source)
        if self.steering:
            self.steering.choose(source)
        if self.lookup:
            self.lookup.choose(source)
        if self.held:
            self.held.choose(source)
        if self.wishes.repeat_bias:
            self.repeat_bias.choose(source)
        place = np.zeros(len(self.ended), dtype=np.int64)
        place[self.heard] = np.arange(len(self.heard))
        kept = place[source[self.heard]]
        copied = self._twice(kept != np.arange(len(kept)))
        kept = np.concatenate([kept, kept + len(kept)]) if self.guided else kept
        self.cache.replace(self._tensor(np.flatnonzero(copied)), self._tensor(kept[copied]))

    def _weigh(self, rows: IntArray, step: IntArray) -> None:
        """Add to the ``likelihood`` of ``rows`` that of the ``step`` that had to come."""
        classed = classes(step)
        for element in (POSITION, PITCH, DURATION, VELOCITY):
            if element == PITCH:
                rows = rows[step[rows, POSITION] < BAR]
            if len(rows):
                logits = self._logits(element, rows, classed[rows])
                shifted = logits - logits.max(1, keepdims=True)
                own = np.take_along_axis(shifted, classed[rows, element][:, None], axis=1)[:, 0]
                self.likelihood[rows] += own - np.log(np.exp(shifted).sum(1))

    def _let_go(self) -> None:
        """Compute no more for pieces that have ended, as soon as they are many."""
        ended = self.ended[self.heard]
        if ended.mean() > LET_GO:
            self.cache.choose(self._tensor(np.flatnonzero(self._twice(~ended))))
            self.heard = self.heard[~ended]

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _inputs(self, steps: IntArray, conditions: IntArray, bars: Floats) -> tuple[IntArray, IntArray, Floats]:
        """What the model hears of the pieces in the cache: all that it is told, then without what guides them."""
        conditions = self._twice(conditions)
        if not self.wishes.repeat_bias:
            conditions[len(steps) :, ..., OF_RETURNS] = ABSENT
        conditions[len(steps) :, ..., OF_MOOD] = NO_MOOD
        return self._twice(steps), conditions, self._twice(bars)

    def _twice(self, rows: Array) -> Array:
        """Once, and once more where the pieces are guided."""
        return cast("Array", np.concatenate([rows] * (1 + self.guided)))

    def _both(self, rows: IntArray) -> IntArray:
        """Those rows among what is told: of the pieces as they are told to be, and where they are guided, without."""
        guiding = rows + (len(self.ended) if self.lookup and len(self.lookup.which) > len(self.ended) else 0)
        return np.concatenate([rows, guiding]) if self.guided else rows

    def _entering(self, rows: IntArray) -> Floats | None:
        """What latents add to the last step of ``rows``; None where none are told."""
        if not self.lookup or not self.lookup.tables:
            return None
        own, coming = self.lookup.bars_of((self.number - self.before)[rows])
        slot = slot_of_classes(self.tokens[-1][rows, POSITION], self.head[rows, LENGTH])
        which = self.lookup.which[self._both(rows)]
        return self.lookup.tables.entering(which, *(self._twice(each) for each in (own, coming, slot)))

    def _told_of(self, rows: IntArray, number: IntArray) -> tuple[RowLatents | None, Memory | None]:
        """What the model is told of steps ``(rows, steps)`` in the bars ``number`` since the place."""
        return self.lookup.steps(self._both(rows), self._twice(number)) if self.lookup else (None, None)

    def _note(self, states: Floats) -> None:
        """The states after the last steps of the pieces in the cache."""
        self.state[self.heard] = states[: len(self.heard)]
        if self.guided:
            self.unguided[self.heard] = states[len(self.heard) :]

    def _follow(self, step: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, and where it stands."""
        is_bar, first = step[:, POSITION] == BAR, self.head[:, POSITION] == ABSENT
        begins = np.where(self.before > 0, self.before + 1, first_numbers(step))
        self.number = np.where(is_bar, np.where(first, begins, self.number + 1), self.number)
        self.head = np.where(is_bar[:, None], step, self.head)
        earlier = np.concatenate([self.notes[:, None], self.notes_before[:, :-1]], axis=1)
        self.notes_before = np.where(is_bar[:, None], earlier, self.notes_before)
        self.notes = np.where(is_bar, 0, self.notes + (step[:, POSITION] < BAR))
        self.onsets.follow(step)
        if self.steering:
            self.steering.follow(step)
        counted = np.minimum(self.number - self.before, self.returns.shape[1] - 1)
        returns = np.take_along_axis(self.returns, counted[:, None], axis=1)[:, 0]
        position = np.where(is_bar, 0, step[:, POSITION])
        if self.wishes.repeat_bias:
            self.repeat_bias.follow(step, self.number, returns)
        self.tokens.append(step)
        self.numbers.append(self.number)
        domain, mood = self.wishes.domain, self.wishes.mood
        told = along(self.head, self.number, position, domain=domain, last=self.last, returns=returns, mood=mood)
        self.told.append(told)

    def _hear_again(self) -> None:
        """Find the state after the last steps alone, as many whole bars as ``KEPT`` of the context holds.

        They are heard like a part of a piece in training; all of them where they are few.
        """
        config, total = self.model.config, len(self.tokens)
        self.heard = np.flatnonzero(~self.ended)
        starts = [self._start(row, total - int(KEPT * config.context)) for row in self.heard.tolist()]
        rows, longest = len(starts), total - min(starts) + 1
        heard = np.full((rows, longest, 7), ABSENT, dtype=np.int64)
        conditions = np.full((rows, longest, len(CONDITIONS)), ABSENT, dtype=np.int64)
        bars = np.zeros((rows, longest), dtype=np.float32)
        number = np.zeros((rows, longest), dtype=np.int64)
        for place, (row, start) in enumerate(zip(self.heard.tolist(), starts, strict=True)):
            first, upto = self._before(row, start), total - start + 1
            conditions[place, 0], bars[place, 0] = first.conditions[0], first.bars[0]
            if upto > 1:
                heard[place, 1:upto] = classes(np.stack([step[row] for step in self.tokens[start:]]))
                conditions[place, 1:upto] = [told.conditions[row] for told in self.told[start:]]
                bars[place, 1:upto] = [told.bars[row] for told in self.told[start:]]
                number[place, 1:upto] = [each[row] - self.before[row] for each in self.numbers[start:]]
                number[place, 0] = number[place, 1] - 1
        last = self._twice(np.array([total - start for start in starts]))
        every = [self._tensor(each) for each in self._inputs(heard, conditions, bars)]
        which = self._both(self.heard)
        apart = self.lookup.which[which] if self.lookup else np.zeros(len(last), dtype=np.int64)
        unlike, as_which = _alike([*every, self._tensor(apart)])  # pieces with a prompt in common, which is heard once
        self.cache = Cache(config, len(unlike), self.dtype, str(self.device))
        with torch.inference_mode():
            told, memory = None, None
            if self.lookup:
                some = unlike.cpu().numpy()
                self.lookup.fill(self.cache, which[some])
                told, memory = self.lookup.steps(which[some], self._twice(number)[some], begin=True)
            once = Steps(every[0][unlike], every[1][unlike], every[2][unlike], told=told)
            after = self.model(once, self.cache, memory)
            self.cache.choose(as_which)
            self.cache.at += self._tensor(last + 1)
            self._note(_array(after[as_which, self._tensor(last)]))

    def _start(self, row: int, least: int) -> int:
        """The first bar of a piece from step ``least`` on."""
        later = range(max(0, least), len(self.tokens))
        return next((n for n in later if self.tokens[n][row, POSITION] == BAR), max(0, least))

    def _before(self, row: int, start: int) -> Along:
        """What is told before step ``start`` of a piece."""
        before, meter, tempo = int(self.before[row]), int(self.meter[row]), int(self.tempo[row])
        if start < len(self.tokens):
            before = max(0, int(self.numbers[start][row]) - 1)
            meter, tempo = (int(self.tokens[start][row, field]) for field in (METER, TEMPO))
        domain, last, mood = self.wishes.domain, int(self.last[row]), self.wishes.mood
        return before_first(domain=domain, last=last, before=before, meter=meter, tempo=tempo, mood=mood)

    def _drawn(self) -> IntArray:
        """The next step of each piece in classes ``(rows, 7)``."""
        chance = np.stack([generator.random(len(FIELDS), dtype=np.float32) for generator in self.generators])
        step = np.full((len(self.ended), len(FIELDS)), ABSENT)
        begins = len(self.tokens) == self.given

        def choose(element: int, rows: IntArray, allow: Callable[[Floats], Floats]) -> None:
            logits = self._logits(element, rows, step[rows])
            if self.wishes.repeat_bias and element in COPIED:
                logits += self.wishes.repeat_bias * self.repeat_bias.expected(element, step)[rows]
            if self.steering:
                length, last = self._where(rows)
                passed, bar = np.where(last < BAR, last, 0), (self.number - self.before)[rows] - 1
                logits += self.steering.bias(element, rows, bar, np.maximum(passed, 0), np.maximum(length, 1))
            logits = allow(logits)
            if self.held:
                self.held.allow(element, rows, logits, step[rows, POSITION])
            self._allowed(element, rows, logits)
            heat, nucleus = self.temperature[element, rows], self.nucleus[element, rows]
            step[rows, element] = grammar.draw(logits, chance[rows, element], heat, nucleus)

        choose(POSITION, np.arange(len(step)), self._first_position if begins else self._position)
        notes = np.flatnonzero(step[:, POSITION] < BAR)
        if len(notes):
            low, high = self.onsets.between(step[:, POSITION])
            choose(PITCH, notes, lambda logits: grammar.pitch_logits(logits, low[notes], high[notes]))
            choose(DURATION, notes, _any)
            choose(VELOCITY, notes, _any)
        bars = np.flatnonzero(step[:, POSITION] == BAR)
        if len(bars):
            tempo = np.where(begins and not self.given, self.tempo, ABSENT)[bars]
            meter, whole = self._held_meter()[bars], self._whole()[bars]
            choose(METER, bars, lambda logits: grammar.same(logits, meter))
            choose(LENGTH, bars, lambda logits: _length(logits, step[bars, METER], whole))
            choose(TEMPO, bars, lambda logits: grammar.same(logits, tempo))
        return step

    def _logits(self, element: int, rows: IntArray, step: IntArray) -> Floats:
        states = self.state[rows]
        if not self.guided:
            return self._model_logits(states, element, step, rows)
        both = np.concatenate([states, self.unguided[rows]])
        guided, plain = np.split(self._model_logits(both, element, np.concatenate([step, step]), rows), 2)
        return plain + np.float32(self.wishes.guidance) * (guided - plain)

    def _model_logits(self, states: Floats, element: int, step: IntArray, rows: IntArray) -> Floats:
        if self.compiled:
            if self.lookup and self.lookup.tables:
                return self._told_logits(states, element, step, rows)
            return self.compiled.logits(states, element, step)
        place = None
        if self.lookup:
            told, memory = self.lookup.steps(self._both(rows), self._twice((self.number - self.before)[rows, None]))
            bar = told.own[:, 0] + memory.inner.shape[1] * torch.arange(len(told.own), device=self.device)
            length, last = (self._tensor(self._twice(each)) for each in self._where(rows))
            place = Coming(memory, bar, length, last)
        state = self._tensor(states).to(self.dtype)
        return _array(self.model.logits(state, element, self._tensor(step), place))

    def _told_logits(self, states: Floats, element: int, step: IntArray, rows: IntArray) -> Floats:
        """With what latents say of the coming step."""
        lookup = cast("LatentLookup", self.lookup)
        tables = cast("Tables", lookup.tables)
        compiled = cast("NextStep", self.compiled)
        own = self._twice(lookup.bars_of((self.number - self.before)[rows])[0])
        which = lookup.which[self._both(rows)]
        length, last = (self._twice(each) for each in self._where(rows))
        if element == POSITION:
            return compiled.logits(states, element, step) + tables.onset_logits(which, own, last)
        if element not in NOTE_CHAIN:
            return compiled.logits(states, element, step)
        slot = slot_of_classes(step[:, POSITION], length)
        found = compiled.logits(states + tables.given[element][which, own, slot], element, step)
        return found + tables.pitches[which, own, slot] if element == PITCH else found

    def _where(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """The length of the bar that each of ``rows`` is in, and the position of its last step; -1 before any."""
        last = self.tokens[-1][rows, POSITION] if self.tokens else np.full(len(rows), ABSENT)
        return self.head[rows, LENGTH], last

    def _allowed(self, element: int, rows: IntArray, logits: Floats) -> None:
        """What may be drawn next for some of the rows; who wants to know it overrides this."""

    def _position(self, logits: Floats) -> Floats:
        earliest, latest = self.wishes.ends
        last, number = self.tokens[-1][:, POSITION], self.number - self.before
        known = last, self.head[:, LENGTH], self.notes, number
        return grammar.position_logits(logits, *known, room=self.onsets.room(), earliest=earliest, latest=latest)

    def _held_meter(self) -> IntArray:
        """The meter that the next bar of each piece has; -1 where it is free."""
        if self.wishes.regular and self.tokens:
            return self.head[:, METER]
        return self.meter

    def _whole(self) -> npt.NDArray[np.bool_]:
        """Whether the next bar of each piece has to be a whole one."""
        return self.wishes.regular & ((self.before > 0) | (len(self.tokens) > 0))

    @staticmethod
    def _first_position(logits: Floats) -> Floats:
        return grammar.same(logits, np.full(len(logits), BAR))


def _array(states: Tensor) -> Floats:
    return states.float().cpu().numpy()


def _alike(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The rows that differ from all before them in one of the ``parts``, and for each row which of these it is like."""
    rows = torch.cat([each.reshape(len(each), -1).double() for each in parts], 1).cpu().numpy()
    number: dict[bytes, int] = {}
    as_which = [number.setdefault(row.tobytes(), len(number)) for row in rows]
    unlike = [as_which.index(each) for each in range(len(number))]
    device = parts[0].device
    return torch.tensor(unlike, device=device), torch.tensor(as_which, device=device)


def _length(logits: Floats, meter: IntArray, whole: npt.NDArray[np.bool_]) -> Floats:
    """No longer than a whole bar of ``meter`` ``(rows,)``, and no shorter where it has to be a ``whole`` one."""
    length = WHOLE[meter] - LOWEST[LENGTH]
    return grammar.same(grammar.length_logits(logits, meter), np.where(whole, length, ABSENT))


def _any(logits: Floats) -> Floats:
    return logits
