"""Mapped classes: whatever is imported here is what the package offers."""

from db.tables.base import Base
from db.tables.clips import (
    BROUGHT,
    BY_TENSION,
    IS_BESIDE,
    IS_OWN,
    OWN,
    PICTURE_SECONDS,
    RIVALS,
    WHOLE,
    Clip,
    ClipAudio,
    DrawnMapRow,
    HeardClip,
    Play,
    StudioPiece,
)
from db.tables.listeners import (
    DEFAULT_STUDY,
    DOMAINS,
    PICTURES,
    Duet,
    DuetPiece,
    Listener,
    StoredHead,
    StoredPopulation,
    Study,
    TasteCard,
)
from db.tables.listening_studies import ListeningStudy, Participant, StudyClip, StudyConsent, StudyTrial
from db.tables.training import Job, MetricPoint, StudyResult, TrackedPrediction, TrainingRun
from db.tables.votes import (
    FIT_PICKS,
    FOUR_OUTCOMES,
    FOUR_PICKS,
    OUTCOMES,
    PICKS,
    Fit,
    Four,
    FourVote,
    Listening,
    Offer,
    Prediction,
    Vote,
)
