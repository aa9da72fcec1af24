"""Where requests queue: one module per kind of queue."""
