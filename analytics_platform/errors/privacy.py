"""What is wrong with keys of personal data, or with protecting it; no message ever holds a value. Pure."""

from analytics_platform.errors.root import PlatformError


class PrivacyError(PlatformError):
    """Personal data cannot be protected, or not be read."""


class KeyStoreError(PrivacyError):
    """The keys cannot be read or written."""

    def __init__(self, folder: str, problem: str) -> None:
        super().__init__(folder, problem)
        self.folder, self.problem = folder, problem

    def __str__(self) -> str:
        return (
            f"keys in {self.folder}: {self.problem}; restore both files of that folder from their own backup, or check "
            "AP_KEY_DIR and its permissions: nothing is landed without them"
        )


class UnprotectedError(PrivacyError):
    """Records could not be protected, and stay in Kafka; or what bronze holds sealed could not be read again."""

    def __init__(self, batch: str, reason: str) -> None:
        super().__init__(batch, reason)
        self.batch, self.reason = batch, reason

    def __str__(self) -> str:
        return (
            f"batch {self.batch} could not be protected, or what is sealed of it not be read ({self.reason}), and goes "
            "no further; this is a fault of ours: report it with the reason, which holds no value"
        )
