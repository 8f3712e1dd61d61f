"""Plain names of what training runs log: what the loss is called in one log and the mean in another is one figure."""

from __future__ import annotations

import re

LOSSES = {("style", "total"), ("titles", "loss"), ("pieces", "loss"), ("pieces", "mean"), ("prior", "loss")}
LOSS = "loss"
DIRECTIONS = {"title_to_melody": "title → tune", "melody_to_title": "tune → title"}
MEASURES = {
    "mrr": "MRR", "chance_mrr": "MRR of chance", "dcg": "DCG", "ndcg": "nDCG", "recall_1": "recall@1",
    "recall_5": "recall@5", "recall_10": "recall@10", "median_rank": "median rank", "mean_log_rank": "mean log rank",
}  # fmt: skip
ELEMENTS = {  # nats a note, in the style model's log
    "position": "onset", "height": "octave", "chroma": "pitch classes", "thickness": "notes at once",
    "sounding": "notes still held", "loudness": "loudness", "apart": "what styles tell of one another",
}  # fmt: skip
UPKEEP = {
    "gradient": "gradient norm", "learning_rate": "learning rate", "scale": "sharpness of the contrast",
    "notes_per_second": "notes a second", "steps_per_second": "notes a second",
}  # fmt: skip
ORDER = (
    LOSS, "MRR", "MRR,", "recall@1,", "recall@5,", "recall@10,", "nDCG,", "mean log rank,", "median rank,", "DCG,",
    "loss,", "nats",
)  # fmt: skip


def figure_of(kind: str, name: str) -> str:
    """What people call the figure that runs of a kind (titles, style, prior, pieces) log as ``name``."""
    if (kind, name) in LOSSES:
        return LOSS
    if name in UPKEEP:
        return UPKEEP[name]
    direction, _, measure = name.rpartition(".")
    if measure in MEASURES and direction in {"", *DIRECTIONS}:
        return f"{MEASURES[measure]}, {DIRECTIONS[direction]}" if direction else MEASURES[measure]
    if direction == "kl":
        return f"nats of {measure} a bar"
    if kind in {"style", "pieces"}:
        told = ", ".join(ELEMENTS.get(part, part.replace("_", " ")) for part in name.split("."))
        return f"loss, {told}"
    return re.sub(r"[._]+", " ", name)


def rank(figure: str) -> tuple[int, str]:
    """Where a figure stands among others: the loss first, then how well it does, the gradient and the like last."""
    if figure in UPKEEP.values():
        return len(ORDER) + 1, figure
    if figure.startswith("MRR of chance"):
        return len(ORDER), figure
    found = (place for place, begins in enumerate(ORDER) if figure == begins or figure.startswith(begins + " "))
    return next(found, len(ORDER)), figure
