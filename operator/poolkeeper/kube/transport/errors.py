"""What may go wrong with the API server or with what it holds, each with a reason fit for a condition."""


class KubeFailure(Exception):
    """`reason` is a CamelCase word for conditions, `message` a sentence for people, without credentials."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ApiUnreachable(KubeFailure):
    """No usable answer came: the request may or may not have taken effect."""


class CredentialsMissing(KubeFailure):
    """Neither the pod's service account nor a kubeconfig says how to reach an API server."""


class ApiError(KubeFailure):
    """The API server refused a request.

    `reason` is the API server's own (NotFound, Conflict, ...). `object_name` is the object that the answer is
    about, empty where it is about the path: a missing object and a missing kind are both 404.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        object_name: str = "",
    ) -> None:
        super().__init__(reason, message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.object_name = object_name


class TargetFailure(KubeFailure):
    """A pool's target can't be read or scaled; other pools go on."""

    default_reason = "TargetUnavailable"

    def __init__(self, message: str) -> None:
        super().__init__(self.default_reason, message)


class TargetMissing(TargetFailure):
    """There is no object of that name."""

    default_reason = "TargetMissing"


class TargetForbidden(TargetFailure):
    """The operator was not granted that kind of target."""

    default_reason = "TargetForbidden"


class KindUnknown(TargetFailure):
    """The API server does not serve that kind."""

    default_reason = "KindUnknown"


class NoScaleSubresource(TargetFailure):
    """The kind has no replicas that could be set."""

    default_reason = "NoScaleSubresource"


class ScaleConflict(TargetFailure):
    """Somebody changed or replaced the target since it was read: read it again, then decide again."""

    default_reason = "ScaleConflict"
