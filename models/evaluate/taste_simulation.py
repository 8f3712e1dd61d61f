"""How fast a head finds out a known taste: ``python -m models.evaluate.taste_simulation [--seed N] [--data DIR]``.

A simulated listener likes slow, dense, low music (linear in the attributes of the notes, not in the latents) and
answers one vote in ten at random. Pairs come from a pool of composed clips (with ``--data``: of real ones); accuracy
is on pairs of clips that were never played. Then a first clip is composed after six votes, as the page does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.experiments.arguments import positive_int
from models.experiments.provenance import commit
from models.metrics.intervals import Figure, bootstrap, wilson
from models.music.notes import DOMAINS, Domain, Piece
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.drafting import draft_many
from models.style.fingerprint import rejection_reason
from models.taste.evaluation.pool import POOL, Pool, compose, composed_pool, real_pool, space_of
from models.taste.head import Head
from models.taste.policy import Mixture
from models.taste.search import SEARCHED, best_latents
from models.taste.simulated_people import RANDOM, SimulatedListener, heads_while_listening, new_head, share_ranked_right
from models.taste.space import TasteSpace
from models.taste.space_fitting import NAMES, attribute_row

FloatArray = npt.NDArray[np.float64]

VOTES = (6, 10, 20, 30)
SEEDS = 20
POLICIES = {"random": RANDOM, "ours": Mixture(composed=0.0)}


def learning_curves(
    pool: Pool, space: TasteSpace, listener: SimulatedListener, seeds: Sequence[int]
) -> dict[str, FloatArray]:
    """Share of unseen pairs ranked right, ``(seeds, votes)`` for each policy."""
    utility = true_utility(pool, listener)
    curves = {}
    for name, mixture in POLICIES.items():
        rows = []
        for seed in seeds:
            order = np.random.default_rng(seed).permutation(len(utility))
            unseen, played = order[: len(order) // 3], order[len(order) // 3 :]
            heads = heads_while_listening(
                listener,
                new_head(space),
                pool.features[played],
                utility[played],
                votes=VOTES,
                mixture=mixture,
                seed=seed,
            )
            rows.append([share_ranked_right(heads[count], pool.features[unseen], utility[unseen]) for count in VOTES])
        curves[name] = np.array(rows)
    return curves


def first_composed(
    composer: Composer, space: TasteSpace, pool: Pool, listener: SimulatedListener, seeds: Sequence[int]
) -> FloatArray:
    """True utility ``(seeds,)`` of the first clip composed after six votes, the pool's mean being 0 and its SD 1."""
    utility = true_utility(pool, listener)
    mean, sd = pool.attributes.mean(axis=0), pool.attributes.std(axis=0)
    found = []
    for seed in track(seeds, "composing for the listener"):
        heads = heads_while_listening(
            listener,
            new_head(space),
            pool.features,
            utility,
            votes=(6,),
            mixture=POLICIES["ours"],
            seed=seed,
        )
        piece = composed_for(composer, space, heads[6], pool.domain, seed)
        true = listener.utility(attribute_row(piece), NAMES, mean, sd)[0]
        found.append((true - utility.mean()) / utility.std())
    return np.array(found)


def composed_for(composer: Composer, space: TasteSpace, head: Head, domain: Domain, seed: int) -> Piece:
    """The first clip for this head that can be offered."""
    drafts = draft_many(composer, domain, SEARCHED, 1_000_000 + seed)
    found = best_latents(head, space, [each.latents for each in drafts], 4)
    best = [drafts[each.origin] for each in found]
    pieces = compose(composer, domain, best[:1], 2_000_000 + seed)
    for draft in best[1:]:
        if rejection_reason(pieces[-1], composer.bundle.fingerprint) is None:
            break
        pieces += compose(composer, domain, [draft], 2_000_000 + seed)
    return pieces[-1]


def true_utility(pool: Pool, listener: SimulatedListener) -> FloatArray:
    """True utility of the pool's clips ``(N,)``."""
    return listener.utility(pool.attributes, NAMES, pool.attributes.mean(axis=0), pool.attributes.std(axis=0))


def figure(value: Figure, **beside: float | None) -> dict[str, Any]:
    """A figure as the last line reports it; ``beside`` holds what it stands next to."""
    empty = dict.fromkeys(("baseline", "chance", "reference"))
    return {"value": value.value, "low": value.low, "high": value.high, "n": value.n, **empty, **beside}


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.taste_simulation", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files: its clips instead of composed ones")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--domain", choices=DOMAINS, default="pop")
    parser.add_argument("--limit", type=positive_int, default=POOL, help="clips in the pool")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="simulated listeners")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    composer = Composer(style_argument(arguments.model))
    space = space_of(composer.bundle)
    if arguments.data is None:
        pool = composed_pool(composer, space, arguments.domain, arguments.limit, arguments.seed)
    else:
        pool = real_pool(composer, space, arguments.data, arguments.limit, arguments.seed)
    listener = SimulatedListener()
    seeds = [arguments.seed + index for index in range(arguments.seeds)]
    curves = learning_curves(pool, space, listener, seeds)
    gains = first_composed(composer, space, pool, listener, seeds)
    metrics = report(curves, gains)
    print(json.dumps(last_line(composer, pool, arguments.seed, metrics)))  # the contract: one JSON object last


def report(curves: dict[str, FloatArray], gains: FloatArray) -> dict[str, Any]:
    """Print the tables; the metrics of the last line."""
    metrics: dict[str, Any] = {}
    table = Table("votes", "random pairs", "our pairs", "ours - random", title="unseen pairs ranked right (chance .50)")
    for column, votes in enumerate(VOTES):
        random, ours = (bootstrap(curves[name][:, column]) for name in ("random", "ours"))
        paired = bootstrap(curves["ours"][:, column] - curves["random"][:, column])
        metrics[f"simulation.accuracy_{votes}.random"] = figure(random, chance=0.5)
        metrics[f"simulation.accuracy_{votes}.ours"] = figure(ours, chance=0.5, baseline=random.value)
        table.add_row(str(votes), *(shown(value) for value in (random, ours, paired)))
    better, gain = wilson(float((gains > 0).sum()), len(gains)), bootstrap(gains)
    metrics["simulation.first_composed.better_than_pool"] = figure(better, chance=0.5, reference=0.8)
    metrics["simulation.first_composed.utility_sd"] = figure(gain, baseline=0.0)
    Console().print(table)
    Console().print(
        f"first clip composed after 6 votes: above the average of the pool for {shown(better)} of listeners"
    )
    Console().print(f"its true utility, in SD of the pool's: {shown(gain)}")
    return metrics


def shown(value: Figure) -> str:
    """A figure for people."""
    return f"{value.value:.3f} ({value.low:.3f}-{value.high:.3f})"


def last_line(composer: Composer, pool: Pool, seed: int, metrics: dict[str, Any]) -> dict[str, Any]:
    """The object that stands last, for programs."""
    return {
        "command": "evaluate.taste_simulation",
        "schema": 1,
        "data": {"hash": pool.hash, "n": len(pool.features)},
        "model": {"version": composer.version, "sha256": composer.bundle.card.get("sha256")},
        "commit": commit(),
        "seed": seed,
        "metrics": metrics,
    }


if __name__ == "__main__":
    main()
