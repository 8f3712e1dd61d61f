"""What a listener hears and answers: pairs and best of four, votes, and clips like the one that was picked.

A vote is stored once, with the prediction made before it, and the head learns in the same transaction. Begin with
``voting.record_vote``; ``Voting`` of ``Pairs`` and of ``BestOfFour`` is what the rest of the application uses.
"""

from webapp.listening.comparison import Comparison, Shown, ShownClip
from webapp.listening.newcomers import FirstComparisons, Newcomers
from webapp.listening.pairs import BestOfFour, Pairs
from webapp.listening.voting import Recorded, Voting

__all__ = [
    "BestOfFour",
    "Comparison",
    "FirstComparisons",
    "Newcomers",
    "Pairs",
    "Recorded",
    "Shown",
    "ShownClip",
    "Voting",
]
