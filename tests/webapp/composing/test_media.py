"""What is taken for a drawing of Kallos, to be stored and shown."""

import base64

from tests.recording.recording import Recording
from webapp.composing.media import is_drawing


def test_what_the_generator_draws_is_a_drawing_and_what_runs_or_loads_is_none() -> None:
    drawn = [base64.b64decode(each["picture"]) for each in Recording.load().drawings]
    assert len(drawn) > 10
    assert all(map(is_drawing, drawn))
    grounded = next(each for each in drawn if b"<rect" in each)
    for more in (
        b"<rect onload='f()' ",
        b"<image href='http://example.org' ",
        b"<rect fill='url(http://example.org)' ",
    ):
        assert not is_drawing(grounded.replace(b"<rect ", more))
