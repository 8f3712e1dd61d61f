"""What ``models.evaluate.mood`` measures."""
