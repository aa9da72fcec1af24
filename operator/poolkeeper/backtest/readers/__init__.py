"""Traces from files: one module per format, told apart by the first line."""
