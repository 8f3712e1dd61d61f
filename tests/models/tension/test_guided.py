from models.tension.guided import MODES, Kept
from models.tension.score import Score


def test_each_way_keeps_what_its_reward_likes():
    open_, known, some = Score(future=3.0, past=-1.0), Score(future=-1.0, past=3.0), Score(future=0.4, past=0.3)
    best = {name: max((open_, known, some), key=reward) for name, reward in MODES.items()}
    assert best == {"future": open_, "past": known, "both": some}  # though a sum of the two would take another


def test_what_was_kept_is_a_ratio_of_sums_over_songs():
    kept = Kept()
    for song, bits, notes in (("a", 30.0, 10.0), ("b", 50.0, 10.0)):
        kept.add("idiom_bits", song, bits, notes)
    found = kept.metric("idiom_bits", baseline=3.5)
    assert (found.value, found.baseline) == (4.0, 3.5)
    assert 3.0 <= found.low <= found.high <= 5.0
    assert kept.metric("copied", None).value is None
