"""Whether an agent wins: ``python -m models.evaluate.agent [--model FOLDER] [--agent NAME=FOLDER ...] [--limit N]``.

Eight bars in each domain by the writer alone, by agents that were trained with the rating network as reward, and by
the best of n clips of the writer, n chosen so that as many clips are played and rated as the agent played in training
and afterwards. All are rated by what rewarded them, and judged by a network of another architecture that was never a
reward, by how often a classifier tells them from real held-out music, by their variety, form and copying. With
``--listeners N`` agents are also trained for the heads of simulated listeners, as ``models.evaluate.for_me`` has them,
beside the search of "compose for me", and judged by what the listeners truly love. Prints a table and, as its last
line, one JSON object.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from models.evaluate.for_me import LISTENERS
from models.experiments.arguments import add_domains_argument, exit_on_error, exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.experiments.provenance import data_hash
from models.experiments.report import Report
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.rating.agent.policy import AgentBundle, load_agent
from models.rating.agent.reward import NetworkReward, Offered
from models.rating.agent.training import PRESETS
from models.rating.evaluation.agent import (
    ALONE,
    BEST,
    Listener,
    Method,
    Stage,
    best_of,
    best_of_kl,
    compare,
    divergence,
    plays,
)
from models.rating.rater import SHIPPED as RATING
from models.rating.rater import RatingBundle, load_bundle
from models.style.checkpoint import style_argument
from models.style.compose import Composer
from models.style.drafting import draft_many
from models.style.evaluation.clips import corpora_parts, real_excerpts, regular
from models.style.evaluation.pieces import Judges
from models.style.latents import BARS
from models.style.pieces.sampling import Writer
from models.taste.evaluation.gifts import AT, House, Mind, Searched, composed_pool, opened, space_of
from models.taste.search import SEARCHED, best_latents
from models.taste.simulated_people import KINDS, Person
from models.taste.space_fitting import attribute_row

STEPS_A_CLIP = 100.0  # notes and bars, about
DOMAIN: Domain = "pop"
POOL, CLIPS = 120, 12  # clips that listeners vote on, and of each method that they judge
PARTS = ("validation", "test")


def agent_argument(text: str) -> tuple[str, Path]:
    """``--agent``: the name of a method and the folder of its adapter."""
    name, _, folder = text.partition("=")
    if not name.isidentifier() or not folder or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text} was given; NAME=FOLDER is needed: OUT/bundle of a run")
    return name, Path(folder)


def methods_of(
    writer: Writer, agents: dict[str, AgentBundle], reward: Offered, domains: Sequence[str], *, count: int, seed: int
) -> dict[str, Method]:
    """The writer alone, the best of n at the first agent's compute, and every agent."""
    methods = {ALONE: Method(plays(writer))}
    training = agents["agent"].card["training"]
    n = 1 + int(training["steps"]) * int(training["clips"]) // count
    methods[BEST] = Method(best_of(writer, reward, n), kl=best_of_kl(n, STEPS_A_CLIP))
    for name, bundle in agents.items():
        agent = bundle.writer(writer)
        kl = divergence(agent, writer, [domain for domain in DOMAINS if domain in domains], seed)
        methods[name] = Method(plays(agent), float(bundle.card["seconds"]), kl)
    return methods


def with_network(
    report: Report, composer: Composer, agents: dict[str, AgentBundle], rating: RatingBundle,
    music: tuple[Sequence[Piece], Sequence[Piece]], *, domains: Sequence[Domain], count: int,
) -> None:  # fmt: skip
    """Add ``agent.METHOD.*``; raises ``MusicError`` where no domain has music to train judges and test on."""
    writer = _writer_of(composer)
    real, judges = {}, {}
    for domain in domains:
        known, own = (regular(piece for piece in part if piece.domain == domain) for part in music)
        if known and own:
            judges[domain] = Judges.fit(domain, known)
            real[domain] = real_excerpts(own, BARS, count, report.seed)
    if not real:
        raise MusicError("no domain has both training and held-out pieces")
    reward = Offered(NetworkReward(rating), composer.bundle.fingerprint)
    methods = methods_of(writer, agents, reward, list(real), count=count, seed=1_000_003 + report.seed)
    compare(report, methods, real, judges, reward=reward.reward, rating=rating, count=count)


def with_heads(report: Report, composer: Composer, listeners: int, *, steps: int) -> None:
    """Add ``agent.head.METHOD.*``: simulated listeners, one of each kind first."""
    space = space_of(composer.bundle)
    pool = composed_pool(composer, space, DOMAIN, POOL, report.seed)
    house, common = opened(composer, space, pool, listeners=LISTENERS, seed=report.seed)
    preset = replace(PRESETS["cpu"], steps=steps)
    stage = Stage(composer, _writer_of(composer), space, DOMAIN, preset)
    people = []
    for number in range(listeners):
        generator = np.random.default_rng([report.seed, 7, number])
        mind = Mind.draw(KINDS[number % len(KINDS)], common, pool.attributes, generator)
        people.append(_listener(house, mind, 1_000 * report.seed + number))
    stage.for_listeners(report, people, count=CLIPS)


def _listener(house: House, mind: Mind, seed: int) -> Listener:
    """Somebody after so many votes, and what "compose for me" finds for them."""
    head = house.listened(mind, seed)[max(AT)]
    began = time.process_time()
    among = Searched.of(house.space, draft_many(house.composer, DOMAIN, SEARCHED, seed))
    drafts = [among.drafts[each.origin] for each in best_latents(head, house.space, among.candidates, 2 * CLIPS)]
    pieces = list(islice((piece for each in drafts for piece in house.played([each], seed)), CLIPS))

    def person(pieces: Sequence[Piece]) -> Person:
        return mind.person([attribute_row(piece) for piece in pieces])

    return Listener(head, person, pieces, time.process_time() - began)


def _writer_of(composer: Composer) -> Writer:
    if composer.writer is None:
        raise SystemExit(f"the style model {composer.version} names no piece model, so nobody plays note by note")
    return composer.writer


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.agent", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files, all of it test data")
    parser.add_argument("--model", type=Path, default=Path("runs/agent/bundle"), help="OUT/bundle of a training")
    parser.add_argument("--agent", type=agent_argument, action="append", default=[], metavar="NAME=FOLDER")
    add_domains_argument(parser)
    parser.add_argument("--rating", default=RATING, help="a rating network")
    parser.add_argument("--part", choices=PARTS, default="test", help="of the corpora, to tell clips from")
    parser.add_argument("--limit", type=positive_int, default=120, help="clips a domain and method")
    parser.add_argument("--listeners", type=int, default=0, help="simulated, for whom agents are trained")
    parser.add_argument("--steps", type=positive_int, default=30, help="that an agent is trained for a listener")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    composer = Composer(style_argument("default"))
    with exit_on_error():
        folders = [("agent", given.model), *given.agent]
        agents = {name: load_agent(folder, _writer_of(composer)) for name, folder in folders}
        rating = load_bundle(given.rating)
    model = {"version": agents["agent"].version, "sha256": agents["agent"].card["sha256"]["agent"]}
    with exit_without_music():
        parts = corpora_parts(composer.bundle.folder)
        test = parts[given.part] if given.data is None else training_pieces(given.data)
        about = {"hash": data_hash(test), "n": len(test), "part": given.part if given.data is None else "test"}
        report = Report("evaluate.agent", about, model, given.seed)
        with_network(report, composer, agents, rating, (parts["train"], test), domains=given.domains, count=given.limit)
    if given.listeners > 0:
        with_heads(report, composer, given.listeners, steps=given.steps)
    report.print()


if __name__ == "__main__":
    main()
