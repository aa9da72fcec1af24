"""What makes the operator run: store, loop, leadership, health, metrics and their wiring."""
