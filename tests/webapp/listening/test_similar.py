from __future__ import annotations

import uuid

import numpy as np
import pytest

from webapp.learning import heads
from webapp.listeners import accounts
from webapp.listening import sound
from webapp.runtime.errors import NotYours

HEARD = (3000, 3000, 3000, 3000)


def test_the_most_similar_come_first_and_the_path_leads_on(context, stock):
    stock("pop", 30)
    stock("dance", 6)
    listener = accounts.create(context.database)
    own = stock("pop", 3, composed_for=listener)
    four = context.best_of_four.open(listener)[0]
    picked = four.clips[1].clip_id
    context.best_of_four.record_vote(listener, four.id, "b", HEARD)
    told = sound.similar(context.database, context.playable, listener, picked)
    near, path = ([clip["clip_id"] for clip in told[name]] for name in ("similar", "path"))
    features = context.database.transaction(lambda s: heads.features_of(s, [picked, *near, *path], context.space))
    away = [float(np.linalg.norm(features[clip] - features[picked])) for clip in (*near, *path)]
    assert (len(near), len(set(near) | set(path) | {picked})) == (sound.SIMILAR, 1 + len(near) + len(path))
    assert away == sorted(away)
    waiting = {clip.clip_id for each in context.best_of_four.open(listener) for clip in each.clips}
    hidden = (set(own) - {clip.clip_id for clip in four.clips}) | waiting
    assert not hidden & {*near, *path}
    assert told["start"]["clip_id"] == picked
    assert {"audio_url", "notes_url", "seconds", "traits"} < set(told["path"][0])
    # from each of these one can go on
    assert sound.similar(context.database, context.playable, listener, near[0])["similar"]


def test_what_must_not_be_known_yet_leads_nowhere(context, stock):
    stock("pop", 20)
    listener, other = (
        accounts.create(context.database),
        accounts.create(context.database),
    )
    waiting = context.best_of_four.open(listener)[0].clips[0].clip_id
    (theirs,) = stock("pop", 1, composed_for=other)
    for clip in (waiting, theirs, uuid.uuid4()):
        with pytest.raises(NotYours):
            sound.similar(context.database, context.playable, listener, clip)
