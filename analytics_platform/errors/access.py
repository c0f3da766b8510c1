"""What is wrong with who asks: no token that is good, nobody of the policy, or somebody who may not. Pure."""

from analytics_platform.errors.root import PlatformError


class AccessError(PlatformError):
    """Whoever asks is not known, or may not do what they ask for."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


class TokenError(AccessError):
    """A token is missing, wrong, over or revoked."""


class UnknownPersonError(AccessError):
    """Whoever asks is nobody that the policy names."""


class NotEntitledError(AccessError):
    """Whoever asks is known, and may not do this."""
