from __future__ import annotations

import json
import uuid
from collections import Counter
from functools import partial

import numpy as np
import pytest
from sqlalchemy import func, select, update

from db.tables import OWN, RIVALS, Clip, Offer, Study, Vote
from models.taste.head import Head
from models.taste.policy import Mixture, choose_named
from models.taste.search import scores
from webapp.__main__ import main
from webapp.composing import clip_maker, wishes
from webapp.composing.for_listener import Commission
from webapp.learning import heads
from webapp.listeners import accounts, rewind
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.listening import pairs
from webapp.research import vote_report
from webapp.runtime.errors import UnknownListenerError
from webapp.taste import blind_tests, overview
from webapp.ui.pages.taste import votes


@pytest.fixture(autouse=True)
def often(monkeypatch) -> None:
    """Repeats and proofs wherever there are any, nearly, so that a few votes are enough."""
    monkeypatch.setattr(pairs, "choose_named", partial(choose_named, mixture=Mixture(repeat=0.3, proof=0.65)))


def vote(context, listener, outcome="left") -> uuid.UUID:
    offer = context.pairs.open(listener)[0].id
    context.pairs.record_vote(listener, offer, outcome, (1, 1))
    return offer


def rows(context, table, *where):
    return context.database.transaction(lambda s: s.scalars(select(table).where(*where)).all())


def as_kind(context, clips, kind) -> None:
    def change(session) -> None:
        for clip in clips:
            session.get(Clip, clip).kind = kind

    context.database.transaction(change)


@pytest.fixture
def ready(context, stock):
    """A listener with clips of their own and rivals, none of which was met."""
    stock("pop", 16)
    listener = accounts.create(context.database)
    own = stock("pop", 6, composed_for=listener)
    rivals = {kind: stock("pop", 3, composed_for=listener) for kind in RIVALS}
    for kind, clips in rivals.items():
        as_kind(context, clips, kind)
    context.database.transaction(
        lambda s: context.journal.append(s, listener, clips=[*own, *rivals["average"], *rivals["drawn"]])
    )
    return listener, set(own), {clip: kind for kind, clips in rivals.items() for clip in clips}


@pytest.mark.slow
def test_rivals_meet_ones_own_clips_blind_once_and_nothing_else(context, ready):
    listener, own, rivals = ready
    for number in range(14):
        open_now = context.pairs.open(listener)
        assert {"id", "clips"} == set(vars(open_now[0]))  # nothing tells a blind test
        context.pairs.record_vote(listener, open_now[0].id, ("left", "right", "equal")[number % 3], (1, 1))
    made = rows(context, Offer, Offer.listener_id == listener, Offer.policy == "proof")
    assert made
    for offer in made:
        (rival,) = {offer.left_clip, offer.right_clip} & set(rivals)
        (mine,) = {offer.left_clip, offer.right_clip} - {rival}
        assert mine in own
        assert offer.condition == {"average": "for_me_vs_average", "drawn": "for_me_vs_prior"}[rivals[rival]]
        assert 0 < offer.pair_probability < 1
    usual = rows(context, Offer, Offer.listener_id == listener, Offer.policy != "proof")
    assert not {clip for offer in usual for clip in (offer.left_clip, offer.right_clip)} & set(rivals)
    assert {offer.condition for offer in usual} == {"default"}
    met = Counter(clip for offer in rows(context, Offer, Offer.listener_id == listener) for clip in offer.clips)
    assert all(met[rival] <= 1 for rival in rivals)


def test_rivals_are_nowhere_called_composed_for_the_listener(context, ready):
    listener, own, _ = ready
    assert len(wishes.state(context.database, listener).clips) == len(own)
    for _ in range(8):
        vote(context, listener)
    for clip in overview.overview(context.database, context.playable, listener).best:
        assert clip.composed == (clip.clip_id in own)


@pytest.mark.slow
def test_after_some_votes_pairs_come_again_with_their_sides_swapped(context, stock, monkeypatch):
    monkeypatch.setattr(pairs, "REPEAT_AFTER", 6)
    monkeypatch.setattr(pairs, "REPEAT_GAP", 3)
    stock("pop", 24)
    listener = accounts.create(context.database)
    for _ in range(36):
        vote(context, listener)
    made = {offer.id: offer for offer in rows(context, Offer, Offer.listener_id == listener)}
    again = [offer for offer in made.values() if offer.repeats]
    assert again
    ordered = [vote.offer_id for vote in sorted(rows(context, Vote), key=lambda each: each.created_at)]
    for offer in again:
        first = made[offer.repeats]
        assert (offer.left_clip, offer.right_clip) == (first.right_clip, first.left_clip)
        assert (offer.policy, offer.order_probability, offer.seconds) == ("repeat", 1.0, first.seconds)
        assert offer.pair_probability <= 0.3
        if offer.state == "voted":
            assert ordered.index(offer.id) - ordered.index(first.id) > 3
    told = vote_report.of_listener(context.database, context.space, listener).metrics
    assert told["repeats.agreement"].value == 0  # who always presses left
    assert told["repeats.ceiling"].value == 0.5
    assert told["side.left"].value == 1
    # before the first vote nothing was known that could be right
    assert told["prediction.accuracy"].n == 35 - sum(offer.state == "voted" for offer in again)
    both = vote_report.of_study(context.database, context.space, "default").metrics["prediction.accuracy"]
    assert both.high - both.low > 0.08  # drawing one or two listeners again would tell nothing


@pytest.mark.slow
def test_the_report_says_how_many_votes_are_suspicious_and_what_is_foreseen_without_them(context, live):
    listener = live(6, ("left", "right"))
    voted = sorted(rows(context, Vote, Vote.listener_id == listener), key=lambda each: each.created_at)
    some = voted[1:3]  # the first one could not be foreseen
    for trust, which in (
        ("heard", Vote.listener_id == listener),
        ("suspicious", Vote.offer_id.in_([v.offer_id for v in some])),
    ):
        context.database.transaction(lambda s, to=trust, of=which: s.execute(update(Vote).where(of).values(trust=to)))
    for found in (
        vote_report.of_listener(context.database, context.space, listener).metrics,
        vote_report.of_study(context.database, context.space, "default").metrics,
    ):
        votes = found["prediction.accuracy"].n
        assert votes >= 6
        assert (found["votes.suspicious"].value, found["votes.suspicious"].n) == (pytest.approx(2 / votes), votes)
        assert found["prediction.accuracy_unsuspicious"].n == votes - 2


@pytest.mark.slow
def test_the_report_counts_what_was_voted(context, ready, capsys):
    listener, own, rivals = ready
    won, seen = Counter(), 0
    for number in range(20):
        pair = context.pairs.open(listener)[0]
        left, right = (clip.clip_id for clip in pair.clips)
        outcome = ("left", "right", "equal", "neither")[number % 4]
        if {left, right} & set(rivals) and outcome != "neither":
            kind = rivals[left] if left in rivals else rivals[right]
            tie, mine = outcome == "equal", (outcome == "left") == (left in own)
            won[kind] += 0.5 if tie else float(mine)
            seen += 1
        context.pairs.record_vote(listener, pair.id, outcome, (1, 1))
    found = vote_report.of_listener(context.database, context.space, listener)
    rates = {kind: found.metrics[f"proof.{name}.win_rate"] for kind, name in pairs.BLIND_TESTS.items()}
    assert sum(rate.n for rate in rates.values()) == seen > 0
    for kind, rate in rates.items():
        if rate.n:
            assert rate.value == pytest.approx(won[kind] / rate.n)
            assert rate.low <= rate.value <= rate.high
    shown = blind_tests.of_listener(context.database, context.playable, listener)
    for kind, told in {"average": shown.average, "drawn": shown.drawn}.items():
        assert (told.value, told.low, told.high) == pytest.approx(
            (rates[kind].value, rates[kind].low or 0, rates[kind].high or 1), nan_ok=True
        )
        assert told.won + told.equal + told.lost == rates[kind].n
    accounts.create(context.database)  # who has only looked
    whole = vote_report.of_study(context.database, context.space, "default")
    assert whole.metrics["proof.for_me_vs_prior.win_rate"] == found.metrics["proof.for_me_vs_prior.win_rate"]
    assert whole.data["listeners"] == 1
    found.print()
    line = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert line["command"] == "report.listener"
    assert {"command", "schema", "data", "model", "commit", "seed", "metrics"} <= set(line)
    assert str(listener) not in json.dumps(line)
    assert line["metrics"]["prediction.accuracy"]["chance"] == 0.5


def test_a_report_on_nobody_says_so(context, settings, monkeypatch, capsys):
    with pytest.raises(UnknownListenerError):
        vote_report.of_listener(context.database, context.space, uuid.uuid4())
    with pytest.raises(vote_report.UnknownStudyError):
        vote_report.of_study(context.database, context.space, "elsewhere")
    context.database.transaction(lambda s: s.add(Study(id="empty", name="nobody yet")))
    assert vote_report.of_study(context.database, context.space, "empty").metrics["prediction.accuracy"].value is None
    monkeypatch.setenv("KALLOS_HOME", str(settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", settings.database_url)
    assert main(["report", "study", "elsewhere"]) == 1
    assert "no study 'elsewhere'" in capsys.readouterr().err
    assert main(["report", "study", "empty"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["command"] == "report.study"


@pytest.mark.durability
@pytest.mark.slow
def test_repeats_and_rivals_are_exported_rebuilt_rewound_and_deleted(
    context, ready, another_context, tables, monkeypatch
):
    monkeypatch.setattr(pairs, "REPEAT_AFTER", 4)
    monkeypatch.setattr(pairs, "REPEAT_GAP", 2)
    listener, _, rivals = ready
    for _ in range(24):
        vote(context, listener)
    data = export(context.database, listener)
    assert any(offer["repeats"] for offer in data["offers"])
    assert {clip["kind"] for clip in data["clips"]} == {"prior", *RIVALS, OWN[0]}
    rebuilt = another_context(context.settings.home)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    assert tables(rebuilt)["offers"] == tables(context)["offers"]
    elsewhere = another_context()
    assert restore(elsewhere.database, elsewhere.journal, data).missing == 0
    assert tables(elsewhere)["offers"] == tables(context)["offers"]
    for offer in data["offers"]:
        del offer["repeats"]  # as an older version wrote it
    old = [offer for offer in data["offers"] if offer["policy"] != "repeat"]
    delete(elsewhere.records, listener)
    restore(elsewhere.database, elsewhere.journal, data | {"offers": old})
    later = rewind.staying(context.database, listener, 5).votes
    assert rewind.rewind(context.records, listener, 5).votes == len(rows(context, Vote)) == 5 + later
    delete(context.records, listener)
    assert rows(context, Offer) == []
    assert not {clip.id for clip in rows(context, Clip)} & set(rivals)


@pytest.mark.durability
@pytest.mark.slow
def test_no_blind_test_is_taken_back_by_going_back(context, ready, another_context, tables):
    listener, *_ = ready
    for number in range(12):
        vote(context, listener, ("left", "right", "skipped")[number % 3])
    proofs = {each.id for each in rows(context, Offer, Offer.policy == "proof", Offer.state == "voted")}
    figures = blind_tests.of_listener(context.database, context.playable, listener)
    assert (figures.drawn.won, figures.drawn.lost, figures.average.won, figures.average.lost) != (0, 0, 0, 0)
    token = context.identity.token(listener)
    question = votes.ask_all(context, token)
    done = rewind.rewind(context.records, listener, 0)
    assert (done.votes, done.undone) == (len(proofs), 12 - len(proofs))
    assert {each.id for each in rows(context, Offer)} == proofs
    assert blind_tests.of_listener(context.database, context.playable, listener) == figures
    assert f"{len(proofs)} blind tests stay, with their music" in question.text
    shown = votes.newest(context, token)
    assert shown.again["visible"] is False
    assert {action.name for row in shown.rows for action in row.actions} == {"play"}
    rebuilt = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    for name in ("listeners", "offers", "predictions", "votes", "heads"):
        assert tables(rebuilt)[name] == tables(context)[name], name


@pytest.mark.slow
def test_the_average_listener_leaves_this_one_out_and_takes_more_than_two_others(context, stock):
    stock("pop", 16)
    people = [accounts.create(context.database) for _ in range(4)]

    def learn(session, who, weight) -> None:
        prior = heads.prior(context.space)
        sure = Head.of(prior.mean + weight, prior.covariance / 1e6, prior.version, votes_seen=heads.VOTES_OF_OTHERS)
        heads.save(session, who, sure)

    for who, weight in zip(people[:3], (1.0, 2.0, 3.0), strict=True):
        context.database.transaction(lambda s, w=who, x=weight: learn(s, w, x))

    def asked(who):
        return context.database.transaction(lambda session: heads.average_of_others(session, who, context.space))

    assert asked(people[0]) is None  # two others
    told = blind_tests.of_listener(context.database, context.playable, people[0])
    assert (told.others, told.others_needed, told.drawn.value) == (2, 3, None)
    found = asked(people[3])
    assert found.mean == pytest.approx(6.0 / 5, abs=1e-3)  # with the fixed prior as two more listeners
    assert found.covariance == pytest.approx(context.space.prior_covariance / 5, abs=1e-3)
    context.database.transaction(lambda s: learn(s, people[3], 40.0))
    assert asked(people[3]).mean == pytest.approx(6.0 / 5, abs=1e-3)
    assert asked(people[0]).mean == pytest.approx(45.0 / 5, abs=1e-2)


@pytest.mark.slow
def test_a_job_composes_rivals_from_the_same_draws(context, stock, monkeypatch):
    stock("pop", 16)
    listener, *others = (accounts.create(context.database) for _ in range(4))
    taste_of_all = np.linspace(-1, 1, context.space.size)

    def learn(session) -> None:
        prior = heads.prior(context.space)
        for who in others:
            heads.save(session, who, Head.of(taste_of_all, prior.covariance / 9, prior.version, votes_seen=9))

    context.database.transaction(learn)
    context.database.transaction(lambda s: context.journal.append(s, listener))  # who is composed for has voted
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    result = context.listener_composer.compose(Commission(listener, "pop", 7 << 8, clips=1, with_baselines=True))
    kinds = Counter(clip.kind for clip in rows(context, Clip, Clip.composed_for == listener))
    assert result.baselines == 4
    assert kinds == {"composed": 1, "average": 1, "drawn": 1, "guided": 1, "plain": 1}
    made = {clip.kind: clip for clip in rows(context, Clip, Clip.composed_for == listener, Clip.kind.in_(RIVALS))}
    features = context.space.features(np.stack([made[kind].summary for kind in ("average", "drawn")]))
    average_head = context.database.transaction(lambda s: heads.average_of_others(s, listener, context.space))
    best, drawn = scores(average_head, features, -0.5)
    assert best > drawn
    again = context.listener_composer.compose(Commission(listener, "pop", 8 << 8, clips=1, with_baselines=True))
    assert again.baselines == 0  # both wait still
    journal = context.journal.segment(listener).state()[1]["clips"]
    assert {clip["kind"] for clip in journal} == {"composed", *RIVALS, "guided", "plain"}
    count = context.database.transaction(lambda s: s.scalar(select(func.count()).where(Clip.composed_for == others[0])))
    assert count == 0


def test_rivals_come_with_gifts_that_were_asked_for_or_once_the_first_own_clip_has_played() -> None:
    for payload, rivals in (
        ({"picks": wishes.EARLY_AT}, False),
        ({"picks": wishes.FIRST_AT}, True),
        ({"picks": 1, "wish": {"mode": "careful"}}, True),
        ({"picks": 20, "wish": {"mode": "surprise"}}, False),
    ):
        assert wishes.brings_baselines(payload) == rivals
