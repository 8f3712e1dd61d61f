"""Music for two: the agreement, what is composed for both, and where their tastes part."""
