"""The points of a sweep: evaluated one by one, kept as they finish, joined into records."""
