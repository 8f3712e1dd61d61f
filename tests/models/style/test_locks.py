"""Locks: locked notes stay exactly, a locked melody stays on top, locked latents stay while others are drawn anew."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.music.notes import DOMAINS, Piece, in_melody, skyline
from models.music.tokens import BAR, DURATION, END, PITCH, POSITION, VELOCITY, to_tokens
from models.style.compose import Composer
from models.style.drafts import HELD_TIMES, Locks
from models.style.latents import GROUPS
from models.style.pieces.conditions import Wishes, classes
from models.style.pieces.grammar import Held, Melody
from models.style.pieces.writing import Writing
from models.style.prior import Kept, Setting


def composed(composer: Composer, content: Piece, seed: int = 0, **more) -> Piece:
    plan = composer.plan(**{"domain": "dance", "content": content, "styles": {}, "seed": seed, **more})
    return composer.compose([plan])[0]


def in_bar(piece: Piece, bar: int) -> list[list[int]]:
    start, length = piece.bars[bar, :2]
    return piece.notes[(piece.notes[:, 0] >= start) & (piece.notes[:, 0] < start + length)].tolist()


def ungridded(tune: Piece) -> Piece:
    """The tune with onsets, lengths and velocities that tokens can't tell."""
    notes = tune.notes.copy()
    notes[::2, 0] += 1
    notes[:, 1] += 3
    notes[:, 3] = np.minimum(127, notes[:, 3] + 1)
    return Piece(notes, tune.bars, tune.tempo_bpm, domain=tune.domain)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1.0, 0.4, 0.0])
def test_locked_bars_keep_every_note_and_the_others_are_new(composer, tune, keep) -> None:
    content = ungridded(tune(1))
    made = composed(composer, content, keep=keep, locks=Locks(bars=(0, 3, 7)))
    for bar in range(8):
        assert (in_bar(made, bar) == in_bar(content, bar)) == (bar in {0, 3, 7})
    assert made.notes.tolist() == composed(composer, content, keep=keep, locks=Locks(bars=(0, 3, 7))).notes.tolist()
    assert made.notes.tolist() != composed(composer, content, 1, keep=keep, locks=Locks(bars=(0, 3, 7))).notes.tolist()


def test_what_follows_a_locked_bar_has_heard_it(composer, tune) -> None:
    latents = composer.encode(tune(1))
    one, other = (
        composer.compose(
            [composer.plan(domain="dance", content=latents, styles={}, locks=Locks(bars=(0,)), notes=tune(notes))]
        )[0]
        for notes in (1, 2)
    )
    assert in_bar(one, 1) != in_bar(other, 1)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0]), st.sampled_from([(4, 4), (6, 8)]))
def test_a_locked_melody_stays_on_top(composer, tune, seed, keep, meter) -> None:
    content = tune(seed, meter=meter, bars=3)
    made = composed(composer, content, seed, keep=keep, locks=Locks(melody=True))
    melody = content.notes[in_melody(content)].tolist()
    assert {tuple(note) for note in melody} <= {tuple(note) for note in made.notes.tolist()}
    line = dict(skyline(made).tolist())
    assert [line[onset] for onset, *_ in melody] == [pitch for _, _, pitch, _ in melody]


def test_a_locked_melody_stays_note_for_note_while_the_rest_is_new(composer, tune) -> None:
    content = ungridded(tune(5))
    melody = content.notes[in_melody(content)].tolist()
    first, second = (composed(composer, content, seed, locks=Locks(melody=True)).notes.tolist() for seed in (0, 1))
    assert [note for note in first if note in melody] == [note for note in second if note in melody] == melody
    assert len(first) > len(melody)
    assert first != second


def test_notes_are_written_below_the_melody_and_end_before_it_comes_down_to_them() -> None:
    piece = Piece(
        notes=np.array([[0, 48, 72, 80], [0, 96, 48, 60], [24, 12, 60, 60], [48, 24, 60, 80], [72, 24, 55, 60]]),
        bars=np.array([[0, 96, 4, 4]]),
        tempo_bpm=np.array([100.0]),
    )
    top = replace(piece, notes=piece.notes[in_melody(piece)])
    assert top.notes.tolist() == [[0, 48, 72, 80], [48, 24, 60, 80], [72, 24, 55, 60]]
    melody, (bar, first, second, last) = Melody(to_tokens(top)), to_tokens(top).astype(np.int64)
    begin, struck = np.array([-1, -1]), np.array([0, 72])

    def pitches(position: int) -> list[int]:
        return (melody.below(0, position).nonzero()[0] + 21).tolist()

    assert pitches(0) == [*range(21, 73)]  # its own note as well
    assert pitches(12) == [*range(21, 72)]
    assert pitches(24) == [*range(21, 61)]
    assert [melody.room(0, 0, pitch) for pitch in (48, 71, 72)] == [True, True, False]
    assert [melody.room(0, 12, pitch) for pitch in (70, 71)] == [True, False]

    def drawn(position: int, pitch: int, steps: int) -> np.ndarray:
        return np.array([position, pitch, steps - 1, 3, -1, -1, -1])

    low = drawn(0, 48, 48)

    def instead(before: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        step, due = melody.instead(0, before, drawn)
        assert due == any(np.array_equal(step, note) for note in (first, second, last))
        return step

    assert np.array_equal(instead(begin, low), low)
    for beyond in (drawn(12, 50, 4), drawn(0, 75, 4), bar):  # whatever comes after it or above
        assert np.array_equal(instead(begin, beyond), first)
    assert np.array_equal(instead(struck, bar), second)
    assert np.array_equal(instead(np.array([24, 60]), bar), last)
    assert np.array_equal(instead(np.array([36, 55]), bar), bar)
    # struck while 72 sounds, a note must be gone when the tune comes down to 60
    shortened = [int(instead(struck, drawn(12, 66, steps))[2]) + 1 for steps in (48, 12, 4)]
    assert shortened == [12, 12, 4]
    assert int(instead(struck, drawn(12, 50, 48))[2]) + 1 == 48


def test_of_several_tries_the_one_is_taken_in_which_what_stays_is_likeliest(composer, tune, monkeypatch) -> None:
    tries, told = [], composer.writer.told
    monkeypatch.setattr(composer.writer, "told", lambda *given, **more: tries.extend(told(*given, **more)) or tries)
    made = composed(composer, tune(1), keep=0.0, locks=Locks(bars=(0, 2)))
    likelihoods = [likelihood for _, likelihood in tries]
    assert len(set(likelihoods)) == HELD_TIMES["dance"]
    best, _ = tries[int(np.argmax(likelihoods))]
    assert [in_bar(made, bar) for bar in (1, *range(3, 8))] == [in_bar(best, bar) for bar in (1, *range(3, 8))]
    tries.clear()
    composed(composer, tune(1), keep=0.0, locks=Locks(bars=(0, 1, 2)))  # nothing that stays comes after what is new
    assert len(tries) == 1


@pytest.mark.parametrize(("domain", "written"), [("dance", 8), ("chorale", 4)])
def test_what_may_not_be_offered_is_written_again_only_until_three_tries_are_there(
    composer, tune, monkeypatch, domain, written
) -> None:
    monkeypatch.setattr("models.style.compose.rejection_reason", lambda *_: "copy")
    tries, told = [], composer.writer.told
    monkeypatch.setattr(composer.writer, "told", lambda *given, **more: tries.append(told(*given, **more)) or tries[-1])
    plan = composer.plan(domain=domain, content=tune(1), styles={}, keep=0.0, locks=Locks(bars=(0, 2)))
    (draft,) = composer.write_surely(domain, [plan.ask], [0])
    assert sum(map(len, tries)) == written
    best, _ = max(tries[0], key=lambda each: each[1])
    assert in_bar(draft.notes, 1) == in_bar(best, 1)


def test_how_likely_what_stays_is_is_what_the_model_says_of_it(composer, tune) -> None:
    model, wishes, stay = composer.writer.bundle.model, Wishes(DOMAINS.index("dance"), 3, regular=True), (0, 2)
    writing = Writing(model, wishes, [(0,)], held=[Held(to_tokens(tune(1, bars=3)), stay)])
    while not writing.ended.all():
        writing.step()
    steps = np.stack(writing.tokens)[:, 0]
    bars = (steps[:, POSITION] == BAR).cumsum() - 1
    expected = 0.0
    for at in range(1, len(steps)):
        if bars[at - 1] != 2 or steps[at, POSITION] == END:  # bar 0 is the same in all tries
            continue
        heard, step = Writing(model, wishes, [(0,)], steps[:at]), classes(steps[at : at + 1])
        for element in (POSITION, PITCH, DURATION, VELOCITY)[: 4 if steps[at, POSITION] < BAR else 1]:
            logits = model.logits(torch.from_numpy(heard.state), element, torch.from_numpy(step))
            expected += logits.log_softmax(1)[0, step[0, element]].item()
    assert expected < -1
    assert writing.likelihood == pytest.approx([expected], rel=5e-3)  # the compiled step has weights of 16 bits


@pytest.mark.parametrize("group", ["harmony", "rhythm"])
def test_a_locked_style_is_asked_for_surely_and_nothing_else_where_nothing_is_kept(composer, tune, group) -> None:
    latents = composer.encode(tune(1))
    plan = composer.plan(domain="dance", content=latents, styles={}, keep=0.0, locks=Locks(**{group: True}))
    assert (plan.ask.sure, plan.ask.keep, plan.ask.holds) == ((group,), 0.0, False)
    assert all(np.array_equal(plan.latents.groups[name], latents.groups[name]) for name in GROUPS)


def test_borrowed_styles_stay_borrowed_when_the_rest_is_drawn_anew(composer, tune) -> None:
    donor = composer.encode(tune(2))
    plan = composer.plan(domain="dance", content=tune(1), styles={"rhythm": donor}, keep=0.2)
    assert np.array_equal(plan.latents.groups["rhythm"], donor.groups["rhythm"])


def test_the_more_is_kept_the_nearer_the_latents_stay(composer, tune) -> None:
    latents = composer.encode(tune(1))

    def distance(keep: float) -> float:
        plan = composer.plan(domain="dance", content=latents, styles={}, keep=keep, seed=3)
        return float(np.mean([np.abs(plan.latents.groups[g] - latents.groups[g]).mean() for g in GROUPS]))

    assert distance(1.0) == 0
    assert distance(1.0) < distance(0.9) < distance(0.5) < distance(0.0)


def test_keeping_nothing_of_a_clip_is_a_draw_from_the_prior(composer) -> None:
    prior = composer.prior
    generator = torch.Generator().manual_seed(1)
    noise, z = (
        torch.randn(2, 8, prior.config.latent_dim, generator=generator),
        torch.ones(2, 8, prior.config.latent_dim),
    )
    setting = Setting(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([3, 4]), torch.zeros(2, 4))
    nothing = torch.zeros_like(z, dtype=torch.bool)
    assert torch.equal(prior.carry(noise, setting, kept=Kept(z, nothing, 0.0)), prior.carry(noise, setting))
    everything = prior.carry(noise, setting, kept=Kept(z, nothing, 1.0))
    assert torch.allclose(everything, z, atol=1e-5)
    half = nothing.clone()
    half[:, :4] = True
    held = prior.carry(noise, setting, kept=Kept(z, half, 0.0))
    assert torch.allclose(held[:, :4], z[:, :4], atol=1e-5)


def test_the_recipe_tells_what_was_kept(composer, tune) -> None:
    plan = composer.plan(domain="dance", content=tune(1), styles={}, keep=0.5, locks=Locks(bars=(1,), harmony=True))
    assert plan.recipe["keep"] == 0.5
    assert plan.recipe["locks"] == {"bars": (1,), "melody": False, "harmony": True, "rhythm": False}
    assert "keep" not in composer.plan(domain="dance", content=tune(1), styles={}).recipe


def test_locks_with_nothing_to_hold_are_refused_in_words(composer, tune) -> None:
    def plan(**more):
        return composer.plan(**{"domain": "dance", "content": tune(1), "styles": {}, **more})

    with pytest.raises(ValueError, match=r"bars \[8\] are to be locked; there are 8 bars, 0 to 7"):
        plan(locks=Locks(bars=(0, 8)))
    with pytest.raises(ValueError, match="no content"):
        plan(content=None, keep=0.5)
    with pytest.raises(ValueError, match="no content"):
        plan(content=None, locks=Locks(harmony=True))
    with pytest.raises(ValueError, match="need the notes"):
        plan(content=composer.encode(tune(1)), locks=Locks(melody=True))
    with pytest.raises(ValueError, match="both must be the same"):
        plan(locks=Locks(melody=True), notes=tune(2, meter=(3, 4)))
    with pytest.raises(ValueError, match="both must be the same"):
        plan(locks=Locks(melody=True), notes=tune(2, bars=4))


@pytest.mark.slow
def test_locked_and_free_clips_share_a_batch(composer, tune) -> None:
    plans = [
        composer.plan(domain="dance", content=tune(seed), styles={}, seed=seed, locks=locks, keep=0.5)
        for seed, locks in enumerate([Locks(), Locks(bars=(2,)), Locks(melody=True), Locks(bars=(1,), melody=True)])
    ]
    together = [piece.notes.tolist() for piece in composer.compose(plans)]
    assert together == [composer.compose([plan])[0].notes.tolist() for plan in plans]
