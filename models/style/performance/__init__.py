"""How a piece is played: timing, dynamics and articulation learned from performances, endings and pedal by rule."""
