"""Real answers of the shipped generator, recorded once, for tests that look at pages and routes and not at composing.

``RecordedGenerator`` answers from them. ``python -m tests.recording`` records them again, which a model of another
version asks for.
"""

from tests.recording.player import COMMAND, NotRecorded, RecordedGenerator
from tests.recording.recording import ANSWERS, Recording

__all__ = ["ANSWERS", "COMMAND", "NotRecorded", "RecordedGenerator", "Recording"]
