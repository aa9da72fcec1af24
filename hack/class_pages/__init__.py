"""The pages of docs/classes."""
