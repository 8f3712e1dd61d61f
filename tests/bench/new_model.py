"""How long an installation takes to move over to another model, and that nothing is lost on the way.

Listeners of a fresh installation vote, as they do on the page, on clips that the shipped model composed. Then all that
is stored is marked as an older model's, and the worker's jobs run: every clip is encoded anew from its notes, every
head is learned anew from its votes. The older model is the same one, so that each head must come out as it was but for
rounding: what is lost shows as a head that foretells otherwise.

    python tests/bench/new_model.py --votes 10000
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db import migrate
from db.queries.clips import add_audio, add_clip
from db.tables import Clip, Job, StoredHead
from models.experiments.report import Metric, Report
from models.music.notes import DOMAINS, Domain, Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.drafting import draft_many
from models.style.drafts import Draft
from models.style.performance import touch
from models.taste.head import Head, utilities
from models.taste.likelihood import FloatArray
from models.taste.space import TasteSpace, summary
from webapp.composing.clip_maker import content_hash
from webapp.context import Context
from webapp.generation.engine import Engine
from webapp.learning import heads, refits
from webapp.listeners import accounts
from webapp.listeners.archive import export
from webapp.runtime.clip_store import Stored
from webapp.runtime.settings import Settings
from webapp.worker import HANDLERS, Worker

OLDER = "the model of yesterday"


def stock(context: Context, composer: Composer, clips: int) -> None:
    """As many clips of each kind, as they are composed; their sound is the same few bytes."""
    sound = context.clip_store.put(b"a sound", ".mp3")
    drafts = {domain: draft_many(composer, domain, clips, 0) for domain in DOMAINS}

    def work(session: Session) -> None:
        for domain, found in drafts.items():
            for draft in found:
                if draft.notes is not None:
                    _add(session, domain, draft, draft.notes, sound)

    context.database.transaction(work)


def _add(session: Session, domain: Domain, draft: Draft, piece: Piece, sound: Stored) -> None:
    clip_id, _ = add_clip(
        session,
        domain=domain,
        notes=piece.to_json(),
        recipe={},
        latents=draft.latents.to_json(),
        summary=summary(draft.latents),
        model_version=draft.latents.version,
        content_hash=content_hash(piece),
    )
    about = {"sha256": sound.sha256, "uri": sound.key, "size_bytes": sound.size, "playing": touch.version()}
    add_audio(session, clip_id, seconds=7.0, lufs=-18.0, true_peak_db=-1.5, **about)


def vote(context: Context, listeners: Sequence[uuid.UUID], each: int, seed: int) -> None:
    """So many picks of each listener, who likes one direction of the taste space."""
    rng = np.random.default_rng(seed)
    for listener in listeners:
        taste = rng.standard_normal(len(context.space.names))
        waiting = context.pairs.open(listener)
        for _ in range(each):
            pair = waiting[0]
            features = features_of(context, [clip.clip_id for clip in pair.clips])[:, : len(taste)]
            better = float((features[0] - features[1]) @ taste) + rng.logistic()
            waiting = context.pairs.record_vote(listener, pair.id, "left" if better > 0 else "right", (4000, 4000)).open


def features_of(context: Context, clips: Sequence[uuid.UUID]) -> FloatArray:
    """``(clips, F)`` as the database has them now."""
    found = context.database.transaction(lambda session: heads.features_of(session, clips, context.space))
    return np.stack([found[clip] for clip in clips])


def foretold(context: Context, listeners: Sequence[uuid.UUID], clips: Sequence[uuid.UUID]) -> FloatArray:
    """What each listener's head thinks of each clip, ``(listeners, clips)``."""
    features = features_of(context, clips)
    load = context.database.transaction
    return np.stack([utilities(load(partial(_head, listener, context.space)), features).mean for listener in listeners])


def _head(listener: uuid.UUID, space: TasteSpace, session: Session) -> Head:
    return heads.load(session, listener, space)


def grow_old(context: Context) -> None:
    """All that is stored is an older model's, and what that says of clips means nothing to this one."""

    def work(session: Session) -> None:
        session.execute(update(Clip).values(model_version=OLDER, latents={}, summary=[0.0]))
        session.execute(update(StoredHead).values(model_version=OLDER))
        session.execute(delete(Job))  # clips that were wished for come before heads: composing is not measured here

    context.database.transaction(work)


def do_all(context: Context, kind: str, leave_job: Callable[[Session], bool]) -> float:
    """Seconds that the worker takes for the jobs of a kind, as it leaves them itself."""
    begun, worker = time.perf_counter(), Worker(context, {kind: HANDLERS[kind]})
    while context.database.transaction(leave_job):
        while worker.step(look=False):
            pass
    return time.perf_counter() - begun


def main() -> int:
    """Measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=10_000)
    parser.add_argument("--listeners", type=int, default=100)
    parser.add_argument("--clips", type=int, default=96, help="of each kind of music")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    composer = Composer(load_style())
    with tempfile.TemporaryDirectory(prefix="kallos-bench-") as folder:
        context = Context(Settings(home=Path(folder), secret="a secret of the benchmark"))
        context.generation = Engine(composer)  # type: ignore[assignment] (what is behind the remote one)
        context.database.open()
        migrate.upgrade(context.database.engine)
        try:
            report = measure(context, composer, arguments)
        finally:
            context.generation.close()
            context.close()
    report.print()
    return 0


def measure(context: Context, composer: Composer, arguments: argparse.Namespace) -> Report:
    """The figures."""
    stock(context, composer, arguments.clips)
    listeners = [accounts.create(context.database) for _ in range(arguments.listeners)]
    begun = time.perf_counter()
    vote(context, listeners, arguments.votes // arguments.listeners, arguments.seed)
    voting = time.perf_counter() - begun
    clips = context.database.transaction(lambda session: list(session.scalars(select(Clip.id).order_by(Clip.id))))
    before, told = foretold(context, listeners, clips), [export(context.database, each)["offers"] for each in listeners]
    grow_old(context)
    encoding = do_all(context, refits.ENCODING, lambda session: refits.leave_encoding(session, context.space.version))
    refitting = do_all(context, refits.KIND, lambda session: refits.leave_job(session, context.spaces))
    same = select(func.count()).where(StoredHead.model_version == context.space.version)
    fitted = context.database.transaction(lambda session: session.scalars(same).one())
    after = foretold(context, listeners, clips)
    now = [export(context.database, each)["offers"] for each in listeners]
    lost = sum(one != other for one, other in zip(told, now, strict=True))
    agree = [float(np.corrcoef(one, other)[0, 1]) for one, other in zip(before, after, strict=True)]
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    data = {"hash": None, "n": arguments.votes, "machine": machine}
    report = Report("bench.new_model", data, {"version": context.space.version}, arguments.seed)
    report.add("new_model.voting_seconds", Metric(voting, n=arguments.votes))
    report.add("new_model.encode_seconds", Metric(encoding, n=len(clips)))
    report.add("new_model.refit_seconds", Metric(refitting, n=arguments.votes))
    report.add("new_model.heads_fitted", Metric(fitted, n=len(listeners), reference=len(listeners)))
    report.add("new_model.histories_changed", Metric(lost, n=len(listeners), reference=0))
    report.add("new_model.least_agreement", Metric(min(agree), n=len(listeners), reference=1))
    return report


if __name__ == "__main__":
    sys.exit(main())
