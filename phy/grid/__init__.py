"""The time-frequency grid: which resource elements a message occupies, and the known symbols among them."""
