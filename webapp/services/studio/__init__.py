"""The studio: a listener's own piece, played another way with what it borrows from others."""
