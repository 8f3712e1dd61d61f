"""The agent at the piano: the writer of pieces, moved towards what a reward likes, and held near itself."""
