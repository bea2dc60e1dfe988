"""Curves, picture strips and tables of records."""
