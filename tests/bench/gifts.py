"""Whether gifts please over HTTP: ``python tests/bench/gifts.py [--domain NAME] [--listeners N] [--votes N]``.

A real ``kallos serve`` on a fresh home. Simulated listeners who share nothing vote on the pairs that the page would
offer, by plain traits of the notes that sound (``TRAITS``), with a little noise; then they ask for clips, as the button
does. Which clips were composed for them is read from their own export. ``bench.gifts.DOMAIN.preferred``: how often a
listener's own rule, without noise, prefers such a clip to one that was composed for nobody, ties half, after ``--at``
votes each. Beside it stands the clip that is composed for nobody in their blind test, against the same clips.
``first_s``: seconds from the first time that clips are asked for until they are there.

With ``KALLOS_CORPORA`` or ``--data``, also how often a classifier tells gifts from held-out real music, and bits a note
(``models.evaluate.pieces``), each beside the clips for nobody.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from bench import serving

from models.experiments.report import Metric, Report, mean_over_songs, ratio_over_songs
from models.metrics.idiom import melody_symbols
from models.metrics.intervals import bootstrap
from models.metrics.music_statistics import TRAITS, played_traits
from models.metrics.two_sample import FOLDS, two_sample_test
from models.music.notes import DOMAINS, Piece, skyline
from models.style.bundle import SHIPPED_STYLE
from models.style.checkpoint import load_style
from models.style.evaluation.clips import Excerpts, corpora_parts, held_out_pieces, real_excerpts, regular
from models.style.evaluation.pieces import Judges
from models.style.latents import BARS
from models.taste.likelihood import davidson
from models.taste.simulated_people import TIE, UTILITY_SD

HEARD = {"left": 2000, "right": 2000}
LOOKS = 3  # votes between two looks at what was composed unasked
SECONDS = 7.0  # of every clip, by which all are compared
GIFT, NOBODYS = "composed", "drawn"  # kinds of clips in a listener's export
Floats = npt.NDArray[np.float64]


@dataclass
class Visitor:
    """Somebody with a browser: their token, and what they have heard of each clip."""

    client: httpx.Client
    known: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def arriving(cls, url: str, domain: str) -> Visitor:
        """A new listener of a domain."""
        client = httpx.Client(base_url=url, timeout=120, trust_env=False)
        new = client.post("/api/listener").raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {new['listener_token']}"
        client.patch("/api/listener", json={"domain": domain}).raise_for_status()
        return cls(client)

    def offers(self) -> list[dict[str, Any]]:
        """The open offers, waited for."""
        while (answer := self.client.get("/api/offers")).status_code != httpx.codes.OK:
            time.sleep(0.5)
        found: list[dict[str, Any]] = answer.json()
        return found

    def traits(self, clip_id: str, seconds: float = SECONDS) -> Floats:
        """Of what sounds of a clip."""
        if clip_id not in self.known:
            answer = self.client.get(f"/api/clips/{clip_id}/notes/{seconds:g}").raise_for_status()
            self.known[clip_id] = played_traits(answer.json()["notes"], seconds)
        return self.known[clip_id]

    def vote(self, offer: dict[str, Any], outcome: str) -> list[dict[str, Any]]:
        """Cast it; the offers that are open then."""
        body = {"outcome": outcome, "heard_ms": HEARD}
        answer = self.client.post(f"/api/offers/{offer['offer_id']}/vote", json=body).raise_for_status()
        open_now: list[dict[str, Any]] = answer.json()["open"]
        return open_now

    def composed(self) -> float:
        """Ask for clips and wait for them; how many seconds."""
        asked = time.monotonic()
        while self.client.post("/api/compose", json={}).status_code == httpx.codes.CONFLICT:
            time.sleep(0.1)
        while (state := self.client.get("/api/compose").raise_for_status().json()["state"]) in {"waiting", "running"}:
            time.sleep(0.1)
        if state != "done":
            raise RuntimeError(f"composing for a listener ended as {state}")
        return time.monotonic() - asked

    def clips(self) -> list[dict[str, Any]]:
        """Those that were made for them, of any kind."""
        data = self.client.get("/api/listener/export").raise_for_status().json()
        return [clip for clip in data["clips"] if clip["composed_for"]]


@dataclass(frozen=True)
class Rule:
    """How much somebody likes what sounds: ``weights`` of the traits, standardised by ``mean`` and ``sd`` ``(5,)``."""

    mean: Floats
    sd: Floats
    weights: Floats

    @classmethod
    def sample(cls, among: Floats, rng: np.random.Generator) -> Rule:
        """Somebody's, whose utility has the usual spread over clips with traits ``among`` ``(N, 5)``."""
        mean, sd = among.mean(axis=0), np.maximum(among.std(axis=0), 1e-9)
        weights = rng.normal(size=len(TRAITS))
        spread = max(float(((among - mean) / sd @ weights).std()), 1e-9)
        return cls(mean, sd, UTILITY_SD * weights / spread)

    def of(self, traits: Floats) -> Floats:
        """Utilities ``(...,)`` of ``traits`` ``(..., 5)``."""
        utility: Floats = (traits - self.mean) / self.sd @ self.weights
        return utility


@dataclass(frozen=True)
class Met:
    """What one listener's rule says of gifts and clips for nobody, and their notes.

    ``preferred``: over clips of the pool, and the votes after which the clip was there; ``nobodys``: the same of the
    clips drawn for their blind test; ``gifts`` and ``drawn``: the pieces; ``seconds``: until those were there that were
    asked for, each time.
    """

    preferred: list[tuple[int, float]]
    nobodys: list[float]
    gifts: list[Piece]
    drawn: list[Piece]
    seconds: list[float]


def scouted(url: str, domain: str, clips: int) -> dict[str, Floats]:
    """Traits of so many clips of the pool, which nobody's taste chose."""
    scout = Visitor.arriving(url, domain)
    waiting = scout.offers()
    while len(scout.known) < clips:
        for side in ("left", "right"):
            scout.traits(waiting[0][side]["clip_id"])
        before = len(scout.known)
        waiting = scout.vote(waiting[0], "skipped") or scout.offers()
        if len(scout.known) == before and len(scout.known) >= clips // 2 and before > 0:
            clips -= 1  # a small pool comes again
    return scout.known


def listened(url: str, domain: str, pool: dict[str, Floats], at: Sequence[int], seed: Sequence[int]) -> Met:
    """Vote and ask for clips at each number of votes ``at``."""
    rng = np.random.default_rng(seed)
    somebody = Visitor.arriving(url, domain)
    ours = np.stack(list(pool.values()))
    rule = Rule.sample(ours, rng)
    waiting, votes, counted = somebody.offers(), 0, set[str]()
    preferred: list[tuple[int, float]] = []
    pieces: dict[str, list[Piece]] = {GIFT: [], NOBODYS: []}
    nobodys: list[float] = []
    seconds: list[float] = []
    while votes < max(at):
        offer = waiting[0]
        left, right = (rule.of(somebody.traits(offer[side]["clip_id"])) for side in ("left", "right"))
        chance = davidson(float(left - right), TIE)
        outcome = rng.choice(["left", "equal", "right"], p=[chance.left, chance.equal, chance.right])
        waiting = somebody.vote(offer, str(outcome)) or somebody.offers()
        votes += 1
        if votes in at or votes == max(at):
            seconds.append(somebody.composed())
        if votes in at or votes % LOOKS == 0:
            for clip in somebody.clips():
                if clip["id"] in counted or clip["kind"] not in {GIFT, NOBODYS}:
                    continue
                counted.add(clip["id"])
                utility = rule.of(somebody.traits(clip["id"]))
                wins = float(np.mean((utility > rule.of(ours)) + 0.5 * (utility == rule.of(ours))))
                if clip["kind"] == GIFT:
                    preferred.append((votes, wins))
                else:
                    nobodys.append(wins)
                pieces[clip["kind"]].append(Piece.from_json(clip["notes"]))
    return Met(preferred, nobodys, pieces[GIFT], pieces[NOBODYS], seconds)


def over_listeners(rows: Sequence[Sequence[float]], **beside: float | None) -> Metric:
    """Mean over listeners of each one's mean, with an interval over listeners."""
    means = np.array([np.mean(row) for row in rows if len(row)])
    if len(means) == 0:
        return Metric(None, **beside)
    figure = bootstrap(means)
    return Metric(figure.value, figure.low, figure.high, figure.n, **beside)


def beside_real_music(report: Report, domain: str, met: Sequence[Met], data: Path | None) -> None:
    """Bits a note, and how often gifts and clips for nobody are told from real music; nothing where there is none."""
    folder = load_style(SHIPPED_STYLE).folder
    train = regular(piece for piece in corpora_parts(folder)["train"] if piece.domain == domain)
    real = regular(piece for piece in held_out_pieces(data, folder) if piece.domain == domain)
    sides = {
        "gifts": [piece for each in met for piece in each.gifts],
        "nobodys": [piece for each in met for piece in each.drawn],
    }
    excerpts: Excerpts = real_excerpts(real, BARS, max(map(len, sides.values())), report.seed)
    judges = Judges.fit(next(name for name in DOMAINS if name == domain), train)

    def bits(pieces: Sequence[Piece], songs: Sequence[str], **beside: float | None) -> Metric:
        each = [judges.melody.bits(melody_symbols(skyline(piece))) for piece in pieces]
        return ratio_over_songs(songs, [float(x.sum()) for x in each], [float(len(x)) for x in each], **beside)

    reals = bits(excerpts.pieces, excerpts.songs)
    report.add(f"bench.gifts.{domain}.bits.real", reals)
    for name, pieces in sides.items():
        # The same notes are one song, whoever they were given to.
        songs = [f"composed {hash(piece.notes.tobytes())}" for piece in pieces]
        report.add(f"bench.gifts.{domain}.bits.{name}", bits(pieces, songs, baseline=reals.value))
        if min(len(pieces), len(excerpts.pieces)) < 4 * FOLDS:
            continue
        count = min(len(pieces), len(excerpts.pieces))
        both = [*excerpts.songs[:count], *songs[:count]]
        right = two_sample_test(excerpts.pieces[:count], pieces[:count], both)
        report.add(f"bench.gifts.{domain}.two_sample.{name}", mean_over_songs(both, right, chance=0.5))


def measure(url: str, report: Report, domain: str, arguments: argparse.Namespace) -> None:
    """All listeners, and what is said of them."""
    pool = scouted(url, domain, arguments.clips)
    at = sorted(arguments.at)
    with ThreadPoolExecutor(arguments.together) as together:
        tasks = [
            together.submit(listened, url, domain, pool, at, (arguments.seed, number))
            for number in range(arguments.listeners)
        ]
        met = [task.result() for task in tasks]
    nobodys = over_listeners([each.nobodys for each in met], chance=0.5)
    report.add(f"bench.gifts.{domain}.preferred.nobodys", nobodys)
    for first, last in zip((0, *at), at, strict=False):
        rows = [[wins for votes, wins in each.preferred if first < votes <= last] for each in met]
        figure = over_listeners(rows, chance=0.5, baseline=nobodys.value)
        report.add(f"bench.gifts.{domain}.preferred.{first}_to_{last}", figure)
    rows = [[wins for _, wins in each.preferred] for each in met]
    report.add(f"bench.gifts.{domain}.preferred", over_listeners(rows, chance=0.5, baseline=nobodys.value))
    report.add(f"bench.gifts.{domain}.first_s", over_listeners([each.seconds[:1] for each in met]))
    if not arguments.no_music:
        beside_real_music(report, domain, met, arguments.data)


def main() -> int:
    """Measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domain", action="append", choices=DOMAINS, help="may be given several times; all by default")
    parser.add_argument("--listeners", type=int, default=40, help="of each domain")
    parser.add_argument("--at", type=int, action="append", help="votes after which clips are asked for; 6, 12 and 40")
    parser.add_argument("--clips", type=int, default=48, help="of the pool, that gifts are compared with")
    parser.add_argument("--together", type=int, default=4, help="listeners at a time")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files: real music to tell clips from")
    parser.add_argument("--no-music", action="store_true", help="leave real music out, where there is no corpus")
    parser.add_argument("--gifts", help="what KALLOS_GIFTS is set to; by default as the application has it")
    parser.add_argument("--url", help="of a running application; by default one is started on a fresh home")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.at = arguments.at or [6, 12, 40]
    report = Report("bench.gifts", {"hash": None, "n": arguments.listeners}, {"version": None}, arguments.seed)

    def run(url: str) -> None:
        for domain in arguments.domain or DOMAINS:
            measure(url, report, domain, arguments)

    if arguments.url:
        run(arguments.url)
    else:
        settings = {"KALLOS_GIFTS": arguments.gifts} if arguments.gifts else {}
        with tempfile.TemporaryDirectory(prefix="kallos-gifts-") as folder, serving(Path(folder), **settings) as site:
            site.wait_for(arguments.clips)
            run(site.url)
    report.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
