"""What may go wrong between a queue and its pools, said so that a condition can repeat it."""


class SourceFailure(Exception):
    """A queue could not be read; `reason` is for conditions, the text for people and without credentials."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class SecretUnavailable(SourceFailure):
    """A Secret that a source needs can't be read; `reason` is for conditions, the text for people."""
