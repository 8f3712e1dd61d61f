from __future__ import annotations

from webapp.studies import studies
from webapp.ui.pages.studies import make, values_of

DESIGN = {
    "title": "Rooms",
    "composed": [{"kind": "dance", "count": 2, "bars": 4, "seed": 7}, {"system": "Another", "count": 3}],
    "asked": [{"system": "Theirs", "url": "https://example.org/clips", "count": 4}],
    "share_clips": True,
}


def test_saving_a_draft_keeps_what_the_form_has_no_field_for(alone) -> None:
    key = studies.create(alone.database, alone.journal, DESIGN).researcher
    before = studies.overview(alone.database, key).design
    values = values_of(before)
    values[0] = "Other rooms"
    make(alone, None, key, None, *values)  # its clips are not made: no generator is allowed
    assert studies.overview(alone.database, key).design == before.model_copy(update={"title": "Other rooms"})
