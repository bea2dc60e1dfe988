"""Recipes that train every network of the project from images alone; resumable, on CPU or GPU."""
