"""Training commands: python -m models.train.NAME."""
