from __future__ import annotations

from models.mood.steering import (
    AROUSING,
    HARMONY,
    LOUD,
    SOFT,
    Dials,
    Version,
    rules_towards,
    versions,
)

HAPPY = (1.0, 1.0)
DONORS = [(-1.0, -1.0), (0.9, 0.8), (0.2, 0.3), (0.7, 0.9)]


def test_the_nearest_donors_lend_and_the_rules_change_notes_alone_and_beside_them() -> None:
    found = versions(HAPPY, DONORS)
    every = (HARMONY, *AROUSING)
    whole, mode = rules_towards(*HAPPY), Dials(major=1)
    assert found == [
        Version(groups=every, donor=1), Version(groups=AROUSING, donor=1),
        Version(groups=every, donor=3), Version(groups=AROUSING, donor=3),
        Version(mode), Version(whole), Version(mode, AROUSING, 1), Version(whole, AROUSING, 1),
    ]  # fmt: skip


def test_locks_take_ways_away_until_none_is_left() -> None:
    assert all("rhythm" not in way.groups for way in versions(HAPPY, DONORS, locked=("rhythm",)))
    kept = versions(HAPPY, DONORS, notes_stay=True)
    assert kept == [Version(groups=AROUSING, donor=donor) for donor in (1, 3)]
    assert all(way.dials is None for way in versions(HAPPY, DONORS, locked=(HARMONY,)))
    assert versions(HAPPY, [], notes_stay=True) == []


def test_without_donors_there_are_the_rules_and_in_the_middle_the_mode_stays() -> None:
    assert versions(HAPPY, []) == [Version(Dials(major=1)), Version(rules_towards(*HAPPY))]
    (middle,) = versions((0.0, 0.0), [])
    assert middle.dials == Dials(velocity=(LOUD + SOFT) // 2)
