"""Postgres for Kallos: engine, tables and queries."""
