"""New inputs from old ones: small neighbors of a call (mutate) and large relatives (enlarge)."""
