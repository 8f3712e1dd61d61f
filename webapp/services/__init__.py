"""What pages and the HTTP interface ask for: offer a pair, take a vote, compose, export, forget."""
