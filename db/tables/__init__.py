"""Mapped classes, one file a concept."""

from db.tables.base import Base
from db.tables.best_of_four import FOUR_OUTCOMES, FOUR_PICKS, Four, FourVote
from db.tables.clips import BROUGHT, GUIDED, OWN, PICTURE_SECONDS, RIVALS, WHOLE, Clip, ClipAudio
from db.tables.fits import FIT_OUTCOMES, FIT_PICKS, Fit
from db.tables.for_two import Duet, DuetPiece
from db.tables.heads import StoredHead
from db.tables.heard_clips import HeardClip
from db.tables.jobs import Job
from db.tables.listeners import DOMAINS, PICTURES, Listener
from db.tables.listening_studies import (
    PARTICIPANT_STATES,
    STUDY_STATES,
    TRIAL_KINDS,
    TRIAL_OUTCOMES,
    ListeningStudy,
    Participant,
    StudyClip,
    StudyConsent,
    StudyTrial,
)
from db.tables.maps import DrawnMapRow
from db.tables.offers import Offer
from db.tables.plays import PLAY_OUTCOMES, Play
from db.tables.populations import StoredPopulation
from db.tables.predictions import Prediction
from db.tables.studies import DEFAULT_STUDY, Study
from db.tables.studio import StudioPiece
from db.tables.taste_cards import TasteCard
from db.tables.training import MetricPoint, StudyResult, TrackedPrediction, TrainingRun
from db.tables.votes import OUTCOMES, PICKS, Listening, Vote

__all__ = [
    "BROUGHT",
    "DEFAULT_STUDY",
    "DOMAINS",
    "FIT_OUTCOMES",
    "FIT_PICKS",
    "FOUR_OUTCOMES",
    "FOUR_PICKS",
    "GUIDED",
    "OUTCOMES",
    "OWN",
    "PARTICIPANT_STATES",
    "PICKS",
    "PICTURES",
    "PICTURE_SECONDS",
    "PLAY_OUTCOMES",
    "RIVALS",
    "STUDY_STATES",
    "TRIAL_KINDS",
    "TRIAL_OUTCOMES",
    "WHOLE",
    "Base",
    "Clip",
    "ClipAudio",
    "DrawnMapRow",
    "Duet",
    "DuetPiece",
    "Fit",
    "Four",
    "FourVote",
    "HeardClip",
    "Job",
    "Listener",
    "Listening",
    "ListeningStudy",
    "MetricPoint",
    "Offer",
    "Participant",
    "Play",
    "Prediction",
    "StoredHead",
    "StoredPopulation",
    "StudioPiece",
    "Study",
    "StudyClip",
    "StudyConsent",
    "StudyResult",
    "StudyTrial",
    "TasteCard",
    "TrackedPrediction",
    "TrainingRun",
    "Vote",
]
