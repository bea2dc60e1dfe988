"""Scenario files: the keys they may have, and how they are found, read, overridden and checked.

Files in order of knowledge: `scenario` (the pydantic models of all tables of a file), `loading` (from a name or a path
and overrides to a checked `Scenario`). The files that come with the package lie in `scenarios/library`: a new one
there is a new built-in scenario.
"""
