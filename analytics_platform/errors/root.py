"""What any part may raise: the root of the tree, settings, declarations, systems that do not answer. Pure."""


class PlatformError(Exception):
    """Something is wrong that a person can act on; the message says what to do."""


class SettingError(PlatformError):
    """A setting is missing or cannot be parsed."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(name, problem, remedy)
        self.name, self.problem, self.remedy = name, problem, remedy

    def __str__(self) -> str:
        return f"setting {self.name}: {self.problem}; {self.remedy}"


class DeclarationError(PlatformError):
    """A stream, model or schema is declared in a way that cannot work."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(where, problem, remedy)
        self.where, self.problem, self.remedy = where, problem, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


class UnreachableError(PlatformError):
    """A system that we depend on does not answer."""

    def __init__(self, system: str, address: str, reason: str, remedy: str) -> None:
        super().__init__(system, address, reason, remedy)
        self.system, self.address, self.reason, self.remedy = system, address, reason, remedy

    def __str__(self) -> str:
        return f"{self.system} at {self.address} does not answer ({self.reason}); {self.remedy}"


class RefusedError(UnreachableError):
    """A system that we depend on is there, and does not let us in, or is not who it should be."""

    def __str__(self) -> str:
        return f"{self.system} at {self.address} is no way in ({self.reason}); {self.remedy}"


class LocalError(PlatformError):
    """A part that runs on this machine could not be installed or started."""

    def __init__(self, part: str, problem: str, remedy: str) -> None:
        super().__init__(part, problem, remedy)
        self.part, self.problem, self.remedy = part, problem, remedy

    def __str__(self) -> str:
        return f"{self.part}: {self.problem}; {self.remedy}"
