"""Scenario files: what they may say, and how they are found, read and overridden."""
