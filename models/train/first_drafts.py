"""Draw the drafts that come with the weights: ``python -m models.train.first_drafts --out models/weights/drafts``.

Whoever composes for a listener at once searches among them; they fit one version of the style model and are to be drawn
again where it, or the model that writes pieces, is another one. Beside them lie harmonies for what is written in a mood
(``models.style.harmonies``): those of the drafts, turned to major and to minor, where the first judge hears that. With
``--harmonies`` these alone are made anew, of the drafts that are there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_on_error, positive_int
from models.experiments.provenance import commit
from models.mood.judge import load_mood
from models.mood.steering import Dials
from models.music.notes import DOMAINS, Domain
from models.style.bundle import write_card
from models.style.checkpoint import load_style
from models.style.compose import METER_NAMES, Composer
from models.style.drafting import TOGETHER, draft_part
from models.style.drafts import ENDING, FIRST, Draft, first_drafts, save_drafts
from models.style.harmonies import CLEARLY, GROUP, LENT, Harmonies, file_of
from models.style.latents import BARS, Latents


def draw(composer: Composer, folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Write ``count`` drafts of each domain and a card into ``folder``; returns the card."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(domain, part) for domain in DOMAINS for part in range(-(-count // TOGETHER))]
    drafts: dict[Domain, list[Draft]] = {domain: [] for domain in DOMAINS}
    for domain, part in track(parts, "drafts", console=Console(stderr=True)):
        drafts[domain] += draft_part(composer, domain, seed, part)
    for domain, some in drafts.items():
        save_drafts(folder / f"{domain}{ENDING}", some[:count])
    card = {
        "name": "drafts",
        "version": composer.version,
        "writer": composer.writer.version if composer.writer else "",
        "count": count,
        "seed": seed,
        "commit": commit(),
        "data": "none but what the two models have learned; their cards name it and its terms",
    }
    write_card(folder, card)
    return {**card, "harmonies": lend(composer, folder)}


def lend(composer: Composer, folder: Path) -> dict[str, int]:
    """Write harmonies of the drafts in ``folder``; how many, for each domain that is ``LENT`` any."""
    judge = load_mood().first
    count: dict[str, int] = {}
    for domain in LENT:
        pieces = [each.notes for each in first_drafts(domain, composer.version, folder) if each.notes]
        found: list[tuple[Latents, float]] = []
        for major in (1, -1):
            turned = [Dials(major=major).turned(piece) for piece in pieces]
            for piece, valence in zip(turned, judge.judge(turned).valence.tolist(), strict=True):
                if valence * major >= CLEARLY and (latents := composer.encode(piece)).bars == BARS:
                    found.append((latents, valence))
        if found:
            lent = np.stack([latents.groups[GROUP] for latents, _ in found])
            valences = np.array([valence for _, valence in found], dtype=np.float32)
            meters = np.array([METER_NAMES.index(latents.piece["meter"]) for latents, _ in found])
            Harmonies(lent, valences, meters).save(file_of(domain, folder))
        count[domain] = len(found)
    return count


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.first_drafts", description=__doc__)
    parser.add_argument("--model", default="default", help="style model: a shipped one or a folder")
    parser.add_argument("--out", type=Path, default=FIRST, help="folder that is written")
    parser.add_argument("--count", type=positive_int, default=256, help="drafts of each domain")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--harmonies", action="store_true", help="make these alone, of the drafts that are there")
    given = parser.parse_args(argv)
    with exit_on_error():
        composer = Composer(load_style(given.model))
        if given.harmonies:
            done = {"harmonies": lend(composer, given.out)}
        else:
            done = draw(composer, given.out, given.count, given.seed)
    print(json.dumps({"command": "models.train.first_drafts", **done}))


if __name__ == "__main__":
    main()
