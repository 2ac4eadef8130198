"""Which operation and which parameter of the API each requirement is on: computed, not claimed.

Operations and parameters are read from the installed `openai` client and from the facts on
production; what a requirement covers is said where it stands; `table` puts them together.
"""
