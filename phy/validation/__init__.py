"""The radio against theory and standards: checks, figures and the page of `taskwave validate`."""
