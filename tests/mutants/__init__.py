"""Whether the suite catches the mutants of `fixtures/mutants`, and by what."""
