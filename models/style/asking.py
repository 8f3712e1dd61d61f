"""Asking for music by latents: what latents say, the piece model writes, and what it wrote is encoded again.

The latents of what was written are those of its notes, not those that were asked for: who asked hears, or reads, how
far it went.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from models.music.notes import Domain, MusicError, Piece
from models.music.tokens import METERS, to_tokens
from models.style.compose import Composer, whole_bars
from models.style.drafts import BEFORE, Ask, Draft
from models.style.latents import STYLE_GROUPS, TOLD_GROUPS, TUNE, Latents
from models.style.pieces.bar_latents import BarLatents, Reader, tune_correlation
from models.style.pieces.conditions import ABSENT
from models.style.pieces.held import Held
from models.style.pieces.wishes import Place
from models.style.screen import rejection_reason

AT_BAR = 8  # what is asked for is no beginning of a piece
# Chosen on validation clips
TUNE_TIMES = 8
TUNE_GUIDANCE, TUNE_TEMPERATURE = 2.0, 0.8
# Of the styles: told surely they are played in place of the tune. Of 50 and 60 validation clips of pop and dance the
# tune is found first in .52 and .80 with none, in .54 and .92 with .5, in .78 and .93 with 1
TUNE_DOUBT = 0.7
ANEW_GUIDANCE, ANEW_TEMPERATURE = 1.5, 1.0
FEW = 2  # styles at most, borrowed of elsewhere, that are guided by: more of them agree with each other
FEW_GUIDANCE = 1.5


def write_asked(
    composer: Composer,
    domain: Domain,
    asks: Sequence[Ask],
    seeds: Sequence[Sequence[int]],
    between: Callable[[], None] | None = None,
) -> list[Draft | None]:
    """What is written for each of ``asks`` with its own of ``seeds``; None for what could not be offered.

    The same is written again for the same. ``between`` is called between two steps of writing (``Writer.play_on``);
    what it raises ends the work.

    Raises ``ValueError`` where the model has nothing that hears latents, or for latents of another one.
    """
    if composer.asked is None:
        raise ValueError(f"the model {composer.version} has no piece model that hears latents")
    if wrong := {ask.latents.version for ask in asks} - {composer.version}:
        raise ValueError(f"latents of {', '.join(sorted(wrong))} were given to {composer.version}")
    reader = composer.asked.reader(composer.model)
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, ask in enumerate(asks):
        alike[ask.guidance, ask.guided, ask.latents.bars, ask.temperature].append(place)
    found: list[Draft | None] = [None] * len(asks)
    for places in alike.values():
        first = asks[places[0]]
        every = [(place, time) for place in places for time in range(asks[place].times)]
        known = {place: _known(reader, asks[place]) for place in places}
        told = {place: _told(reader.sizes, asks[place], known[place], seeds[place]) for place in places}
        where = {place: _where(reader, asks[place].latents, known[place]) for place in places}
        held = [_held(asks[place]) for place, _ in every] if any(asks[place].held for place in places) else []
        pieces = composer.asked.told(
            domain, [told[place] for place, _ in every], [(*seeds[place], time) for place, time in every],
            [where[place] for place, _ in every], guidance=first.guidance, guided=first.guided,
            temperature=first.temperature, held=held, between=between,
        )  # fmt: skip
        tries: dict[int, list[Piece]] = defaultdict(list)
        for (place, _), piece in zip(every, pieces, strict=True):
            tries[place].append(piece)
        for place, written in tries.items():
            best = _nearest_first(reader, told[place], written)
            drafts = (_draft(composer, piece, asks[place].latents.bars) for piece in best)
            found[place] = next((draft for draft in drafts if draft), None)
    return found


def _nearest_first(reader: Reader, told: BarLatents, written: Sequence[Piece]) -> list[Piece]:
    """Those first whose top line is most like the tune that was told."""
    if len(written) == 1:
        return list(written)
    read = reader.read([to_tokens(piece) for piece in written])
    kept = [tune_correlation(told, each) for each in read]
    return [written[number] for number in np.argsort(-np.array(kept), kind="stable").tolist()]


def tune_in_styles(latents: Latents, tune: Piece) -> Ask:
    """To ask for a ``tune`` in the styles of ``latents``: of several tries the one that keeps it best."""
    return Ask(
        latents, tune, guided=("content", TUNE), guidance=TUNE_GUIDANCE, times=TUNE_TIMES,
        temperature=TUNE_TEMPERATURE, doubted=dict.fromkeys(STYLE_GROUPS, TUNE_DOUBT),
    )  # fmt: skip


def as_latents_say(latents: Latents, notes: Piece | None = None, borrowed: Collection[str] = ()) -> Ask:
    """To ask for what ``latents`` say, of which some styles are ``borrowed``; the tune of the ``notes`` stays.

    Where texture is, content is not told beside that tune: it knows how thick the music was. With it the other's
    texture comes in .52 (Spearman, 60 validation clips of pop), without in .88.
    """
    guided = tuple(borrowed) if len(borrowed) <= FEW else ()
    lines = notes is None or "texture" not in guided
    groups = TOLD_GROUPS if lines else tuple(group for group in TOLD_GROUPS if group != "content")
    guidance = FEW_GUIDANCE if guided else 1.0
    return Ask(latents, notes, groups, guided, guidance, temperature=ANEW_TEMPERATURE)


def composed_anew(latents: Latents, notes: Piece, held: Sequence[int], keep: float) -> Ask:
    """To ask for music like ``notes``, which have these ``latents``: some bars are ``held``, the others are written.

    The less is to be kept of the others (``keep``, 0 to 1), the less alike they are.
    """
    return Ask(
        latents, notes, guided=TOLD_GROUPS if keep else (), guidance=ANEW_GUIDANCE if keep else 1.0,
        held=tuple(held), keep=keep, temperature=ANEW_TEMPERATURE,
    )  # fmt: skip


def _known(reader: Reader, ask: Ask) -> BarLatents:
    """All that is asked for, surely; no tune where its bars aren't those of the latents."""
    tune = None if ask.tune is None else whole_bars(ask.tune)
    fits = tune is not None and len(tune.bars) == ask.latents.bars
    latents = reader.stored(ask.latents, to_tokens(tune) if tune and fits else None)
    return replace(latents, told=latents.told & np.isin(TOLD_GROUPS, ask.groups))


def _told(sizes: Sequence[int], ask: Ask, known: BarLatents, seed: Sequence[int]) -> BarLatents:
    """What is told of what is ``known``: of bars that aren't held the less surely, the less is kept; at last nothing.

    Groups that are ``doubted`` are told as doubtfully in all bars.

    Where nothing is kept, the bars that are held are heard as they come, and that is enough: told of them as well,
    pop was told from real music in .70 instead of .61, dance in .63 instead of .59 (50 validation clips a kind).
    """
    if ask.keep == 1 and not ask.doubted:
        return known
    free = ~np.isin(np.arange(len(known.told)), ask.held)[:, None]
    by_group = np.array([ask.doubted.get(group, 0.0) for group in TOLD_GROUPS])
    doubt = np.maximum(np.where(free, 1 - ask.keep, known.doubt), by_group).astype(np.float32)
    noise = np.random.default_rng(list(seed)).standard_normal(known.values.shape, dtype=np.float32)
    values = (known.values + np.repeat(doubt, sizes, axis=1) * noise).astype(np.float32)
    return BarLatents(values, known.told & (ask.keep > 0), doubt)


def _held(ask: Ask) -> Held:
    tokens = to_tokens(whole_bars(ask.tune)) if ask.tune else np.zeros((0, 7), dtype=np.int16)
    return Held(tokens, ask.held)


def _where(reader: Reader, latents: Latents, known: BarLatents) -> Place:
    """In the meter and the tempo that the latents tell."""
    meters = {f"{n}/{d}": place for place, (n, d) in enumerate(METERS)}
    return Place(AT_BAR, ABSENT, (), meters[str(latents.piece.get("meter", "4/4"))], reader.tempo(known))


def _draft(composer: Composer, piece: Piece, bars: int) -> Draft | None:
    try:
        notes = whole_bars(piece)
    except MusicError:
        return None
    if len(notes.bars) != bars or rejection_reason(notes, composer.bundle.fingerprint) is not None:
        return None
    latents = composer.encode(notes)
    writer = composer.asked.version if composer.asked else ""
    return Draft(replace(latents, piece={**latents.piece, "writer": writer, BEFORE: AT_BAR}), notes)
