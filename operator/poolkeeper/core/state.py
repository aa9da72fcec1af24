"""What a pool has learned, small enough to live in its status."""
