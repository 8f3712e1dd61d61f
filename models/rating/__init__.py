"""The rating network: how much a sound of any length will be liked, learned from plays and likes."""
