"""The container engine: the Docker of the machine, or a dockerd of our own where there is none."""
