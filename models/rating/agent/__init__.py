"""The agent at the piano: the writer of pieces, moved towards what a reward likes, and held near itself.

What is shipped: an agent for dance tunes that a mixture rewarded, and one that tension alone did.
"""

from models.style.bundle import WEIGHTS

DANCE_AGENT, TENSION_AGENT = WEIGHTS / "agent-dance", WEIGHTS / "agent-tension"
