"""How far each solution and each test can be trusted: arrays in, scores out, no I/O."""
