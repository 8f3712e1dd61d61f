"""Personal taste: the Bradley-Terry head, its feature space and the choice of the next pair."""
