"""Music from nothing: what the piece model writes, encoded, so that heads, maps and swaps know it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.style.compose import Composer, NoWriter, whole_bars
from models.style.drafts import BEFORE, Draft, as_latents_say
from models.style.fingerprint import rejection_reason
from models.style.harmonies import CLEARLY, GROUP, Harmonies, harmonies
from models.style.latents import BARS
from models.style.pieces.bar_latents import BarLatents

TOGETHER = 16
TRIES = 3  # at writing so many whole bars of one meter that may be offered, before the prior says what to write


def draft_many(composer: Composer, domain: Domain, count: int, seed: int) -> list[Draft]:
    """``count`` drafts; more of the same seed begin with these."""
    parts = (draft_part(composer, domain, seed, part) for part in range(-(-count // TOGETHER)))
    return [draft for part in parts for draft in part][:count]


def draft_part(composer: Composer, domain: Domain, seed: int, part: int) -> list[Draft]:
    """``TOGETHER`` of them."""
    return draft_each(composer, [domain] * TOGETHER, part_seeds(seed, part))


def part_seeds(seed: int, part: int) -> list[int]:
    """The seeds of the ``TOGETHER`` drafts of a part."""
    seeds = np.random.SeedSequence([seed, part]).generate_state(TOGETHER, np.uint64) >> np.uint64(1)
    return [int(each) for each in seeds]


def draft_each(
    composer: Composer,
    domains: Sequence[Domain],
    seeds: Sequence[int],
    mood: tuple[float, float] | None = None,
    between: Callable[[], None] | None = None,
) -> list[Draft]:
    """A draft for each domain and seed, the same again for the same; many at once take less time each.

    Excerpts of eight whole bars of one meter that may be offered; where none was written in ``TRIES``, what a draw of
    the prior says is written. ``mood`` (valence and arousal, as in ``Writer.compose``) is told to the piece model, and
    harmonies of its valence where some come with the weights (``models.style.harmonies``).
    ``between`` is called between two steps of writing (``Writer.play_on``); what it raises ends the work.

    Raises ``NoWriter``, and ``ValueError`` where a mood is wished that the piece model has learned nothing of.
    """
    if composer.writer is None:
        raise NoWriter(f"the model {composer.version} has no piece model; train one (python -m models.train.pieces)")
    found: dict[int, Draft] = {}
    for domain in DOMAINS:
        for attempt in range(TRIES):
            rows = [row for row, each in enumerate(domains) if each == domain and row not in found]
            found |= _written(composer, domain, {row: (seeds[row], attempt) for row in rows}, mood, between)
        rest = [row for row, each in enumerate(domains) if each == domain and row not in found]
        if rest:
            own = [seeds[row] for row in rest]
            asks = [as_latents_say(each) for each in composer.draw_each([domain] * len(rest), own)]
            found |= dict(zip(rest, composer.write_surely(domain, asks, own, between), strict=True))
    return [found[row] for row in range(len(seeds))]


def play_each(
    composer: Composer, domain: Domain, drafts: Sequence[Draft], seeds: Sequence[int], bars: int = BARS
) -> list[Piece]:
    """What is heard of drafts: ``bars`` of their notes, or of what is written as they say, each with its seed."""
    rest = [place for place, each in enumerate(drafts) if each.notes is None]
    heard = {place: each.notes.window(0, bars) for place, each in enumerate(drafts) if each.notes}
    for start in range(0, len(rest), TOGETHER):
        some = rest[start : start + TOGETHER]
        plans = []
        for place in some:
            latents = drafts[place].latents
            plans.append(
                composer.plan(
                    domain=domain,
                    content=None,
                    styles={},
                    bars=min(bars, latents.bars),
                    seed=seeds[place],
                    drawn=latents,
                )
            )
        heard |= dict(zip(some, composer.compose(plans), strict=True))
    return [heard[place] for place in range(len(drafts))]


def _written(
    composer: Composer,
    domain: Domain,
    seeds: Mapping[int, Sequence[int]],
    mood: tuple[float, float] | None,
    between: Callable[[], None] | None,
) -> dict[int, Draft]:
    """Those of the rows that can be offered."""
    assert composer.writer is not None
    places = composer.writer.places(domain, list(seeds.values()), BARS)
    if not seeds:
        return {}
    told: list[BarLatents] = []
    if mood and abs(mood[0]) >= CLEARLY and (known := _harmonies(composer, domain)):
        lent = known.drawn(mood[0], list(seeds.values()))
        reader = composer.writer.reader(composer.model)
        told = [reader.of_group(GROUP, known.latents[each]) for each in lent]
        meters = known.meter[lent].tolist()
        places = [replace(place, meter=meter) for place, meter in zip(places, meters, strict=True)]
    pieces = composer.writer.excerpts(domain, list(seeds.values()), BARS, places, mood, latents=told, between=between)
    found: dict[int, Draft] = {}
    for row, piece, place in zip(seeds, pieces, places, strict=True):
        try:
            notes = whole_bars(piece)
        except MusicError:
            continue
        if len(notes.bars) == BARS and rejection_reason(notes, composer.bundle.fingerprint) is None:
            latents = composer.encode(notes)
            about = {**latents.piece, "writer": composer.writer.version, BEFORE: place.before}
            found[row] = Draft(replace(latents, piece=about), notes)
    return found


def _harmonies(composer: Composer, domain: Domain) -> Harmonies | None:
    """What may be told of harmony; None where the writer hears none, or none are there for these weights."""
    hears = composer.writer is not None and composer.writer.hears_latents(domain)
    return harmonies(domain, composer.version) if hears else None
