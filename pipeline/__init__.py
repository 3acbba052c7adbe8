"""How a stage reads, writes and reaches the outside world."""
