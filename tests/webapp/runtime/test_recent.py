"""What was made lately."""

from webapp.runtime.recent import Recent


def test_of_more_than_there_is_room_for_those_that_were_asked_for_last_stay():
    kept = Recent(2)
    assert kept.keep("a", 1) == 1
    kept.keep("b", 2)
    assert kept.get("a") == 1
    kept.keep("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    assert kept.keep("a", 4) == kept.get("a") == 4
