"""What is done about a job, by its kind."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from db.queries.jobs import TakenJob
from db.tables import PICTURES
from webapp.composing import pool, whole_pieces, wishes
from webapp.composing.jobs import JobInHand
from webapp.context import Context
from webapp.learning import population, refits
from webapp.maps import catalogue, drawing
from webapp.maps.catalogue import Progress
from webapp.research import training_runs
from webapp.sharing import for_two

Handler = Callable[[Context, TakenJob], dict[str, Any]]


def _compose_for(context: Context, job: TakenJob) -> dict[str, Any]:
    in_hand = JobInHand(context.database, job)
    composer = context.picture_composer if in_hand.is_of_pictures else context.listener_composer
    return composer.do(in_hand).to_json()


def _compose_whole(context: Context, job: TakenJob) -> dict[str, Any]:
    return context.whole_piece_composer.do(JobInHand(context.database, job))


def _compose_for_two(context: Context, job: TakenJob) -> dict[str, Any]:
    duet = uuid.UUID(str(job.payload["duet"]))
    in_hand = JobInHand(context.database, job)
    return context.duet_composer.compose(duet, in_hand.domain, in_hand.seed, in_hand.report).to_json()


def _fill_pool(context: Context, job: TakenJob) -> dict[str, Any]:
    maker = context.picture_maker if job.payload["domain"] == PICTURES else context.clip_maker
    return pool.fill(maker, job.payload, context.settings.pool)


def _refit_heads(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return refits.refit_heads(context.database, context.spaces)


def _refit_population(context: Context, job: TakenJob) -> dict[str, Any]:
    space = context.picture_space if job.payload.get("pictures") else context.space
    return population.refit_population(
        context.database, context.journal, space, context.playable, str(job.payload["study"])
    )


def _encode_clips(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return refits.encode_clips(context.database, context.journal, context.generation, context.space)


def _take_runs(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return training_runs.ingest_changed(context.database, context.settings)


def _draw_map(context: Context, job: TakenJob) -> dict[str, Any]:
    in_hand = JobInHand(context.database, job)

    def tell(progress: Progress) -> None:
        in_hand.report(asdict(progress))

    kind, seed, limit = str(job.payload["kind"]), int(job.payload["seed"]), job.payload.get("limit")
    return asdict(drawing.draw(context.atlas, kind, seed, tell, limit))


HANDLERS: dict[str, Handler] = {
    wishes.KIND: _compose_for,
    whole_pieces.KIND: _compose_whole,
    for_two.KIND: _compose_for_two,
    pool.KIND: _fill_pool,
    refits.ENCODING: _encode_clips,
    refits.KIND: _refit_heads,
    population.KIND: _refit_population,
    catalogue.KIND: _draw_map,
}

RUN_LOG_HANDLERS: dict[str, Handler] = {training_runs.KIND: _take_runs}
