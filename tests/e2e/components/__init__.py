"""Each component in the demo that its module is, without the application."""
