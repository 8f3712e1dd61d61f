"""What an agent wins, and at which cost (``models.evaluate.agent``)."""
