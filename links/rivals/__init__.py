"""Rivals of the task-adaptive link that a sceptic would draw: `prompted.py`, an ordinary codec after a prompt."""
