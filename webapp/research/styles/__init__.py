"""What the Styles page asks for: tables of what was measured, and walks along one style that play."""
