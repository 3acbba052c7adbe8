"""What a completion holds: a solution's code, tests, or a named reason why not. Any text may come in."""
