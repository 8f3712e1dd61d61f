from __future__ import annotations

import io
import uuid
import zipfile

import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries import clips as clip_rows
from db.queries import jobs, statistics
from db.tables import PICTURE_SECONDS, PICTURES, Clip, Listener, Offer, StoredHead
from models.style.drafts import Draft
from models.style.latents import INK, MEASURED, PICTURE_GROUPS, Latents
from models.taste.head import Head
from models.taste.space import summary
from webapp.composing import media, pool, wishes
from webapp.composing.clip_maker import Order
from webapp.composing.pictures import DRAWN_AT_ONCE, EMPTY, LEAST_INK, PictureSearch
from webapp.composing.wishes import hand_over
from webapp.generation.protocol import DrawingsRequest
from webapp.learning import heads
from webapp.listeners import accounts, archive, rewind
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.listening import sound
from webapp.runtime.errors import NotAllowed
from webapp.taste import explanation, overview
from webapp.ui.pages import picking
from webapp.worker.worker import Worker


@pytest.fixture
def few_are_searched(monkeypatch) -> None:
    monkeypatch.setattr("webapp.composing.pictures.SEARCHED", DRAWN_AT_ONCE)


@pytest.fixture
def pictures(context) -> None:
    """Forty-eight pictures in the pool, drawn by the shipped model."""
    made = pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 48, "seed": 1}, 48)
    assert made["clips"] >= 40


@pytest.fixture
def listener(context, pictures) -> uuid.UUID:
    who = accounts.create(context.database)
    accounts.change_domain(context.database, context.journal, who, PICTURES)
    return who


def warmth(context, clip_id: uuid.UUID) -> float:
    clip = context.database.transaction(lambda s: clip_rows.get_clip(s, clip_id))
    return clip.latents["piece"]["measured"]["warmth"]


def pick_the_warmer(context, listener: uuid.UUID, times: int) -> None:
    for _ in range(times):
        pair = context.pairs.open(listener)[0]
        one, other = (warmth(context, clip.clip_id) for clip in pair.clips)
        context.pairs.record_vote(listener, pair.id, "left" if one > other else "right", (2000, 2000))


def compose(context) -> None:
    """Whatever waits to be composed for somebody."""
    worker = Worker(context)
    while (job := context.database.transaction(lambda s: jobs.take_job(s, [wishes.KIND], lease_s=60))) is not None:
        worker._do(job)


@pytest.mark.slow
def test_a_pair_of_pictures_has_images_and_no_sound(client, context, pictures):
    client.get("/api/listener")
    assert client.patch("/api/listener", json={"domain": "pictures"}).json()["domain"] == "pictures"
    offer = client.get("/api/offers").json()[0]
    for side in (offer["left"], offer["right"]):
        assert side["audio_url"] is None
        assert side["notes_url"] is None
        assert side["seconds"] == 1
        drawn = client.get(side["image_url"])
        assert drawn.headers["content-type"] == "image/svg+xml"
        assert "sandbox" in drawn.headers["content-security-policy"]
        assert media.is_drawing(drawn.content)
        for unheard in ("audio/1", "notes/1"):
            refused = client.get(f"/api/clips/{side['clip_id']}/{unheard}")
            assert refused.status_code == 404
            assert "is a picture" in refused.text
            assert "seconds" not in refused.text
    at = f"/api/offers/{offer['offer_id']}/vote"
    glance = client.post(at, json={"outcome": "left", "heard_ms": {"left": 300, "right": 2000}})
    assert glance.status_code == 422
    voted = client.post(at, json={"outcome": "left", "heard_ms": {"left": 2000, "right": 2000}}).json()
    assert voted["picks"] == 1
    assert all(each["left"]["image_url"] for each in voted["open"])


def test_music_stays_music_however_short_it_is(context, live):
    listener = live(3)
    context.database.transaction(lambda s: s.execute(update(Offer).values(seconds=PICTURE_SECONDS)))
    pair = context.pairs.open(listener)[0]
    assert all(clip.audio_url and not clip.image_url for clip in pair.clips)
    context.pairs.record_vote(listener, pair.id, "left", (2000, 2000))
    assert heads_of(context) == {context.space.version: 5}
    counted = [
        sum(context.database.transaction(lambda s, on=on: statistics.outcomes(s, listener, pictures=on)).values())
        for on in (False, True)
    ]
    assert counted == [5, 0]
    past = rewind.history(context.database, listener, before=100, limit=4).votes
    assert not any(clip.picture for vote in past for clip in vote.clips)


@pytest.mark.slow
def test_a_picture_that_the_store_lost_is_drawn_again(client, context, pictures):
    client.get("/api/listener")
    client.patch("/api/listener", json={"domain": "pictures"})
    address = client.get("/api/offers").json()[0]["left"]["image_url"]
    before = client.get(address).content
    for key in context.clip_store.keys():  # noqa: SIM118 (it is no mapping)
        context.clip_store.delete(key)
    assert client.get(address).content == before


@pytest.mark.slow
def test_votes_on_pictures_teach_a_head_of_their_own(context, listener, stock):
    pick_the_warmer(context, listener, 24)
    found = overview.overview(context.database, context.playable, listener)
    liked = {each.attribute: each for each in found.styles}
    assert found.domain == PICTURES
    assert {each.style for each in found.styles} == set(PICTURE_GROUPS)
    assert liked["warmth" if "warmth" in liked else "colourfulness"].style == "palette"
    effect = heads_effect(context, listener)
    assert effect > 0.5
    assert found.best[0].image_url
    assert found.best[0].audio_url is None

    stock("pop", 16)
    accounts.change_domain(context.database, context.journal, listener, "pop")
    pair = context.pairs.open(listener)[0]
    assert pair.clips[0].audio_url
    context.pairs.record_vote(listener, pair.id, "left", (3000, 3000))
    assert heads_of(context) == {context.picture_space.version: 24, context.space.version: 1}
    assert heads_effect(context, listener) == effect


@pytest.mark.slow
def test_gifts_and_goals_of_music_wait_for_picks_on_music(context, listener, stock):
    pick_the_warmer(context, listener, wishes.EARLY_AT - 1)
    stock("pop", 16)
    accounts.change_domain(context.database, context.journal, listener, "pop")
    for picks in range(1, wishes.EARLY_AT + 1):
        assert wishes.state(context.database, listener).state == "none"
        pair = context.pairs.open(listener)[0]
        for _ in ("new", "sent again"):
            recorded = context.pairs.record_vote(listener, pair.id, "left", (3000, 3000))
            assert (recorded.picks, recorded.picks_of_pictures) == (wishes.EARLY_AT - 1 + picks, wishes.EARLY_AT - 1)
        assert picking.picks_towards(context, listener, pictures=False) == picks
    assert picking.picks_towards(context, listener, pictures=True) == wishes.EARLY_AT - 1
    assert wishes.state(context.database, listener).state == "waiting"
    done = rewind.undo_last(context.records, listener)
    assert (done.picks, done.picks_of_pictures) == (2 * wishes.EARLY_AT - 2, wishes.EARLY_AT - 1)
    assert accounts.account(context.database, listener).picks_of_pictures == wishes.EARLY_AT - 1


def heads_of(context) -> dict[str, int]:
    """How many votes each head has seen, by its model."""
    return context.database.transaction(
        lambda s: {row.model_version: row.votes_seen for row in s.scalars(select(StoredHead))}
    )


def heads_effect(context, listener: uuid.UUID) -> float:
    """The weight of warmth in the head of pictures."""
    space = context.picture_space
    head = context.database.transaction(lambda s: heads.load(s, listener, space))
    return float(head.mean[space.names.index("warmth")])


@pytest.mark.slow
def test_a_gift_comes_after_six_picks_and_is_warmer_than_the_pool(context, listener):
    pick_the_warmer(context, listener, 4)
    compose(context)
    pick_the_warmer(context, listener, 2)
    compose(context)
    own = context.database.transaction(
        lambda s: list(s.scalars(select(Clip).where(Clip.composed_for == listener, Clip.kind == "composed")))
    )
    assert own
    assert all(clip.domain == PICTURES and clip.notes == {} for clip in own)
    rivals = context.database.transaction(
        lambda s: clip_rows.rival_clips(s, listener, domain=PICTURES, model_version=context.picture_space.version)
    )
    assert {clip.kind for clip in rivals} == {"drawn"}  # and beside it a plain draw, for the proof
    pick_the_warmer(context, listener, 14)
    assert wishes.ask(context.database, context.space, listener, wishes.GIFT).state == "waiting"
    compose(context)
    gift = hand_over(context.database, context.journal, listener)
    everybody = context.database.transaction(lambda s: context.playable.clips(s, PICTURES)).ids
    assert gift.seconds == 1
    assert warmth(context, gift.clip_id) > np.mean([warmth(context, clip) for clip in everybody])
    with pytest.raises(NotAllowed, match="no mood"):
        wishes.ask(context.database, context.space, listener, wishes.Wish(mood="happy"))


@pytest.mark.slow
@pytest.mark.usefixtures("few_are_searched")
def test_pictures_that_show_hardly_anything_are_neither_kept_nor_found(context):
    drawn = context.generation.drawings(DrawingsRequest(count=32, seed=12)).latents  # as the search draws them
    found = sorted((Latents.from_json(each) for each in drawn), key=lambda each: each.piece[MEASURED][INK])
    faint, usual = found[0], found[len(found) // 2]
    assert faint.piece[MEASURED][INK] < LEAST_INK < usual.piece[MEASURED][INK]
    made = context.picture_maker.make([Order(PICTURES, 1, draft=Draft(each)) for each in (faint, usual)])
    assert (len(made.clip_ids), made.faults) == (1, {EMPTY: 1})

    space = context.picture_space
    lines = space.lines([summary(faint), summary(usual)])
    loves_faint = Head.of(
        (lines[0] - lines[1]) @ np.eye(lines.shape[1], space.size), np.eye(space.size) / 1e4, space.version
    )
    best = PictureSearch(context.database, context.generation, space).best(
        loves_faint, PICTURES, 4, wish=wishes.GIFT, seed=12
    )
    ids = context.picture_maker.make([Order(PICTURES, 1, draft=each) for each in best]).clip_ids
    clips = context.database.transaction(lambda s: [clip_rows.get_clip(s, each) for each in ids])
    assert clips
    assert all(clip.latents["piece"][MEASURED][INK] >= LEAST_INK for clip in clips)


@pytest.mark.slow
def test_a_picture_is_explained_by_its_styles(context, listener):
    pick_the_warmer(context, listener, 8)
    best = overview.overview(context.database, context.playable, listener).best[0]
    found = explanation.explain_clip(context.studio, listener, best.clip_id)
    assert [part.part for part in found.parts] == list(PICTURE_GROUPS)
    assert found.utility == pytest.approx(sum(part.utility for part in found.parts))
    assert found.utility > 0


@pytest.mark.slow
@pytest.mark.usefixtures("few_are_searched")
def test_what_is_drawn_near_a_picture_is_like_it(context, listener):
    pick_the_warmer(context, listener, 4)
    liked = overview.overview(context.database, context.playable, listener).best[0].clip_id
    wishes.ask(context.database, context.space, listener, wishes.Wish(mode="near", near=liked, keep=0.9))
    compose(context)
    rows = context.database.transaction(
        lambda s: list(s.scalars(select(Clip).where(Clip.composed_for == listener, Clip.kind == "near")))
    )
    source = context.database.transaction(lambda s: clip_rows.get_clip(s, liked))
    likeness = [np.corrcoef(row.summary[:72], source.summary[:72])[0, 1] for row in rows]
    assert likeness
    assert min(likeness) > 0.7


@pytest.mark.durability
@pytest.mark.slow
def test_undo_rewind_export_rebuild_and_deletion_know_pictures(context, listener, another_context):
    pick_the_warmer(context, listener, 6)
    compose(context)
    before = heads_effect(context, listener)
    pick_the_warmer(context, listener, 1)
    past = rewind.history(context.database, listener, before=100, limit=7).votes
    assert all(clip.picture for vote in past for clip in vote.clips)
    undone = rewind.undo_last(context.records, listener)
    assert undone.domain == PICTURES
    assert heads_effect(context, listener) == before

    for other, bring in ((another_context(), "export"), (another_context(), "journal")):
        if bring == "export":
            restore(other.database, other.journal, export(context.database, listener))
        else:
            other.journal.folder.mkdir(parents=True, exist_ok=True)
            for path in context.journal.folder.rglob("*"):
                if path.is_file():
                    to = other.journal.folder / path.relative_to(context.journal.folder)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    to.write_bytes(path.read_bytes())
            assert journal_rebuild.rebuild(other.database, other.journal, other.spaces).problems == []
        assert heads_effect(other, listener) == before, bring
        assert other.database.transaction(lambda s: s.get(Listener, listener)).domain == PICTURES

    rewind.rewind(context.records, listener, 3)
    assert context.database.transaction(lambda s: heads.load(s, listener, context.picture_space)).votes_seen == 3
    accounts.delete(context.records, listener)
    assert not context.database.transaction(
        lambda s: list(s.scalars(select(Clip).where(Clip.composed_for == listener)))
    )


@pytest.mark.slow
def test_pictures_leave_come_back_and_go_as_files(context, listener, another_context):
    pick_the_warmer(context, listener, 6)
    compose(context)
    own = context.database.transaction(
        lambda s: [
            (str(clip.id), clip_rows.get_audio(s, clip.id, 1.0).uri)
            for clip in s.scalars(select(Clip).where(Clip.composed_for == listener))
        ]
    )
    assert own
    data = export(context.database, listener)
    file = archive.pack(data, context.clip_store)
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        files = {name: packed.read(name) for name in packed.namelist() if name.startswith("pictures/")}
    assert set(files) == {f"pictures/{clip['id']}.svg" for clip in data["clips"]}
    for clip, key in own:
        assert files[f"pictures/{clip}.svg"] == context.clip_store.get(key)

    other = another_context()
    restore(other.database, other.journal, archive.unpack(file))
    assert archive.put_pictures(file, data, other.clip_store) == len(files)
    assert sound.image(other.database, other.clip_store, other.generation, uuid.UUID(own[0][0])) == files[
        f"pictures/{own[0][0]}.svg"
    ]  # fmt: skip
    forged = {**data, "clips": [{**clip, "audio": [{"uri": "ab/abc.png"}]} for clip in data["clips"]]}
    assert archive.put_pictures(file, forged, other.clip_store) == 0

    accounts.delete(context.records, listener)
    left = set(context.clip_store.keys())
    assert not left & {key for _, key in own}


def test_the_pool_is_filled_with_pictures_once_there_is_a_little_music(context, stock):
    version = context.picture_space.version
    need = lambda: context.database.transaction(  # noqa: E731
        lambda s: pool.need(s, context.space.version, 4, pictures=version)
    )
    assert need().domain == "pop"
    stock("pop", 12)
    assert need() == pool.Need(PICTURES, 4, short=True)
