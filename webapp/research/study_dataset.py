"""``kallos study export``: a study's votes and clips, or pictures, as one zip file in which nobody can be found again.

People and clips have new numbers in a random order, times are minutes since a listener's first vote, and pairs from
people's own studios are left out with their pieces. ``python -m models.evaluate.taste --data`` reads what is unpacked.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.queries import statistics
from db.queries.statistics import JudgedFour, JudgedPair
from db.tables import Clip, FourVote, Vote
from models.music.midi import write_midi
from models.music.notes import MusicError, Piece
from models.taste.head import PLACES
from models.taste.space import TasteSpace
from webapp.research.vote_report import check_study
from webapp.runtime import csv_text
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database

OWN_PAIRS = ("studio", "claim")  # made from what somebody brought or bent
VOTES = (
    *("listener_id", "left", "right", "outcome", "number", "minutes", "left_heard_ms", "right_heard_ms", "seconds"),
    *("p_left", "p_equal", "p_right", "votes_seen", "policy", "pair_probability", "order_probability", "condition"),
    *("repeats", "trust"),
)
FOURS = (
    *("listener_id", *PLACES, "outcome", "number", "minutes", *(f"{place}_heard_ms" for place in PLACES), "seconds"),
    *(*(f"p_{place}" for place in PLACES), "votes_seen", "policy", "four_probability", "order_probability"),
    *("condition", "trust"),
)
DATASHEET = """# Votes on {what}: the study {study}

{votes} votes on pairs and {fours} picks of four by {listeners} listeners on {clips} {what}{form}, composed by
Kallos (model {version}). votes.csv has the SHA-256 {digest}, fours.csv {fours_digest}.

`votes.csv`, one line a vote. outcome: left, right, equal, neither (neither was good enough) or skipped. number: its
place among the listener's votes, and minutes since the first one. seconds: how long both clips played at most (of a
picture 1: so long each is to be seen); heard: how long each was heard or seen. p_left, p_equal, p_right: what was
expected before the vote, after votes_seen votes. policy and pair_probability: what drew the pair, and how likely that
pair was under the whole mixture of policies (weigh by its inverse); order_probability: of this order. repeats: the
number of the vote that this one mirrors. trust: heard, suspicious (more is said to be heard than can have been, or next
to nothing) or unavailable (nobody could check).
`fours.csv`, one line a pick of the most beautiful of four. a, b, c, d: the clips in their places. outcome: a place,
none (none was good enough) or skipped. number and minutes: among the listener's picks of four, since the first one.
p_a to p_d: what was expected, if one is picked; the rest as above, of the set of four.
`clips.csv`: domain, kind (prior: everybody's; composed, surprise, near, studio: for the listener named, what they
surely like, may like most, like near a piece, or made; average, drawn: what stood against the composed),
and named features of the latents in standard deviations. `{folder}/`: the clips.

Listeners and clips are numbered in a random order that was not kept; nothing else was known about the listeners.
Probabilities have two digits, and what was heard is told to a tenth of a second, so that no number of a listener's own
download names their lines; who knows what somebody heard and how they answered could still find these. Left out: pairs
from people's own studios, votes that came with a stranger's file, and whoever has deleted their data.
"""
READ_BY = "`python -m models.evaluate.taste --data FOLDER` reads this folder once it is unpacked.\n"
MUSIC = {"what": "piano pieces", "form": " of eight bars", "folder": "midi"}
OF_PICTURES = {"what": "pictures", "form": "", "folder": "pictures"}


@dataclass(frozen=True)
class Exported:
    """What a file holds."""

    listeners: int
    votes: int
    fours: int
    clips: int


def export(database: Database, clip_store: ClipStore, space: TasteSpace, study_id: str, path: Path) -> Exported:
    """Write the dataset of a study's votes on what ``space`` is of to ``path``; raises ``UnknownStudyError``.

    Pictures that ``clip_store`` lost are left out of the folder, and not of the tables.
    """
    pictures = space.of_pictures

    def work(session: Session) -> tuple[list[JudgedPair], list[JudgedFour], list[Clip], dict[uuid.UUID, str]]:
        check_study(session, study_id)
        pairs = statistics.judged_pairs(session, study_id, pictures=pictures, but=OWN_PAIRS)
        fours = statistics.judged_fours(session, study_id, pictures=pictures)
        named = {side for each in pairs for side in (each.offer.left_clip, each.offer.right_clip)}
        named |= {clip for each in fours for clip in each.four.clips}
        files = statistics.pictures_of(session, named) if pictures else {}
        return pairs, fours, statistics.clips_named(session, named), files

    found, picked, clips, files = database.transaction(work)
    people = _numbered("p", {*(each.offer.listener_id for each in found), *(each.four.listener_id for each in picked)})
    names = _numbered("c", {clip.id for clip in clips})
    votes, fours = _votes(found, people, names), _fours(picked, people, names)
    size = Exported(len(people), len(found), len(picked), len(clips))
    votes_digest, fours_digest = (hashlib.sha256(table.encode()).hexdigest() for table in (votes, fours))
    about = {"study": study_id, "version": space.version, "digest": votes_digest, "fours_digest": fours_digest}
    counts = asdict(size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        sheet = DATASHEET.format(**about, **counts, **(OF_PICTURES if pictures else MUSIC))
        archive.writestr("README.md", sheet if pictures else sheet + READ_BY)
        archive.writestr("votes.csv", votes)
        archive.writestr("fours.csv", fours)
        archive.writestr("clips.csv", _clips(space, clips, people, names))
        for clip in sorted(clips, key=lambda each: names[each.id]):
            try:
                if pictures:
                    file = files[clip.id]
                    archive.writestr(f"pictures/{names[clip.id]}{Path(file).suffix}", clip_store.get(file))
                else:
                    archive.writestr(f"midi/{names[clip.id]}.mid", write_midi(Piece.from_json(clip.notes)))
            except (MusicError, LookupError):
                continue  # a piece without notes can't be told from another
    return size


def _numbered(letter: str, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """A new name for each, in an order that nobody knows afterwards."""
    order = sorted(ids)
    secrets.SystemRandom().shuffle(order)
    return {each: f"{letter}{number:04d}" for number, each in enumerate(order, start=1)}


def _votes(found: Sequence[JudgedPair], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    numbers: dict[uuid.UUID, int] = {}
    given: dict[uuid.UUID, list[Vote]] = {}
    lines = []
    for each in found:
        offer, vote, said, heard = each.offer, each.vote, each.prediction, each.listening
        before = given.setdefault(offer.listener_id, [])
        before.append(vote)
        numbers[offer.id] = len(before)
        minutes = round((vote.created_at - before[0].created_at).total_seconds() / 60)
        clips = (names[offer.left_clip], names[offer.right_clip])
        listened = (_heard(heard.left_ms), _heard(heard.right_ms)) if heard else (None, None)
        expected = (*map(_share, (said.p_left, said.p_equal, said.p_right)), said.votes_seen)
        drawn = (offer.policy, _share(offer.pair_probability), _share(offer.order_probability), offer.condition)
        who = people[offer.listener_id]
        line = (who, *clips, vote.outcome, len(before), minutes, *listened, offer.seconds, *expected, *drawn)
        lines.append((*line, numbers.get(offer.repeats) if offer.repeats else None, vote.trust))
    return _table(VOTES, sorted(lines, key=lambda line: (line[0], line[4])))


def _fours(found: Sequence[JudgedFour], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    given: dict[uuid.UUID, list[FourVote]] = {}
    lines = []
    for each in found:
        four, vote = each.four, each.vote
        before = given.setdefault(four.listener_id, [])
        before.append(vote)
        minutes = round((vote.created_at - before[0].created_at).total_seconds() / 60)
        clips = [names[clip] for clip in four.clips]
        listened = map(_heard, vote.heard_ms)
        said = (people[four.listener_id], *clips, vote.outcome, len(before), minutes, *listened, four.seconds)
        drawn = (four.policy, _share(four.four_probability), _share(four.order_probability), four.condition)
        lines.append((*said, *map(_share, vote.chances), vote.votes_seen, *drawn, vote.trust))
    return _table(FOURS, sorted(lines, key=lambda line: (line[0], line[6])))


def _clips(space: TasteSpace, clips: Sequence[Clip], people: dict[uuid.UUID, str], names: dict[uuid.UUID, str]) -> str:
    lines = []
    for clip in sorted(clips, key=lambda each: names[each.id]):
        known = clip.model_version == space.version
        features = space.features(clip.summary)[0, : len(space.names)].round(4).tolist() if known else []
        whose = people.get(clip.composed_for, "") if clip.composed_for else ""
        lines.append((names[clip.id], clip.domain, clip.kind, whose, clip.model_version, *features))
    return _table(("clip_id", "domain", "kind", "composed_for", "model_version", *space.names), lines)


def _share(probability: float) -> float:
    """To two digits: what a listener's own download says exactly must not name their lines."""
    return float(f"{probability:.2g}")


def _heard(milliseconds: int) -> int:
    """To a tenth of a second."""
    return round(milliseconds, -2)


def _table(columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    return csv_text.table(columns, lines)
