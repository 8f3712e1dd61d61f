"""The policies that are compared, by name."""

from __future__ import annotations

from models.taste.policy import Mixture

STAYS = 5  # votes for which it must be known
ALONE = {"uncertainty": "uncertainty", "bald": "information", "eubo": "eubo", "thompson": "thompson"}
METHODS = ("random", *ALONE, "ours", "fours", "pairwise_gp")


def mixture_of(method: str) -> Mixture:
    """What a method draws pairs from."""
    if method == "ours":
        return Mixture(composed=0)
    if method == "random":
        return Mixture(control=1, composed=0, repeat=0)
    alone = {ALONE[method]: 1.0}
    return Mixture(control=0.1, composed=0, learning=alone, contrast=0, closeness=0, novelty=0, repeat=0)
