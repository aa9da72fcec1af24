"""The machine that hack/cluster works on: its cache, commands, packages, and the versions pinned for it."""
