"""Two towers: melodies and titles in one space."""
