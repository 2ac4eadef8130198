"""How much the suite catches: mutants that it is set on, and which requirement kills each."""
