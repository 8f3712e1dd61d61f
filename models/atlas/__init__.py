"""Maps of music: neighbours, projection, and how far a picture can be trusted."""
