"""What can go wrong, in words for the person at the terminal."""

from collections.abc import Sequence


class ClusterError(Exception):
    """Something that cannot go on by itself; the message says what to do."""

    exit_status = 1


class CommandFailed(ClusterError):
    """A command that had to succeed did not."""

    def __init__(self, command: Sequence[str], returncode: int, output: str) -> None:
        self.returncode = returncode
        self.output = output
        tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-25:])
        super().__init__(f"`{' '.join(command)}` ended with status {returncode}:\n{tail}")


class TookTooLong(ClusterError):
    """A command was ended before it was done."""


class NotPermitted(ClusterError):
    """Packages would have to be installed, and INSTALL=no or a missing root forbids it."""

    exit_status = 3

    def __init__(self, why: str, commands: Sequence[str]) -> None:
        lines = "\n".join(f"    {command}" for command in commands)
        super().__init__(f"{why}. Run this, then try again:\n{lines}")
