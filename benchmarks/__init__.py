"""Side-by-side figures, one command each; no test asserts a time, these print ratios."""
