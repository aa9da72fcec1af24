"""Starts: how long they take, which of them are learned from, and how many have failed in a row."""
