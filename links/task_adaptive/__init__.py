"""The system of the project: general part, coarse image, textual prompt, attended detail, answer."""
