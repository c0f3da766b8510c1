"""What went wrong with a request, as HTTP status, Confluent's error code and a message. Pure."""

from enum import IntEnum

from analytics_platform.errors import (
    ChangedProposalError,
    DeclarationError,
    ForbiddenError,
    IncompatibleError,
    InvalidSchemaError,
    NotEntitledError,
    PatchedError,
    PlatformError,
    SchemaConflictError,
    TokenError,
    UnapprovedError,
    UnknownPersonError,
    UnsupportedFormatError,
)

HTTP_STATUS_DIGITS = 1000  # 40401 is one of 404


class Code(IntEnum):
    """Confluent's error codes, as far as this registry answers with them; below 1000 they are HTTP's own."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    CONFLICT = 409
    TOO_LARGE = 413
    TARGET_TOO_LONG = 414
    UNSUPPORTED_MEDIA_TYPE = 415
    TOO_MANY = 429
    TOO_SLOW = 503
    SUBJECT_NOT_FOUND = 40401
    VERSION_NOT_FOUND = 40402
    SCHEMA_NOT_FOUND = 40403
    SUBJECT_SOFT_DELETED = 40404
    SUBJECT_NOT_SOFT_DELETED = 40405
    VERSION_SOFT_DELETED = 40406
    VERSION_NOT_SOFT_DELETED = 40407
    NO_SUBJECT_COMPATIBILITY = 40408
    NO_SUBJECT_MODE = 40409
    INCOMPATIBLE = 40901
    INVALID_SCHEMA = 42201
    INVALID_VERSION = 42202
    INVALID_COMPATIBILITY = 42203
    INVALID_MODE = 42204
    NOT_PERMITTED = 42205
    REFERENCE_EXISTS = 42206
    INVALID_SUBJECT = 42208
    SCHEMA_TOO_LARGE = 42209
    INVALID_RULES = 42210
    STORE_FAILED = 50001


class RequestError(PlatformError):
    """A request that cannot be answered as it was meant; `code` says why, to programs."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return self.message


def status_of(code: int) -> int:
    """The HTTP status that an error code belongs to."""
    return code if code < HTTP_STATUS_DIGITS else code // 100


def body_of(code: int, message: str) -> dict[str, object]:
    """An error as clients read it."""
    return {"error_code": int(code), "message": message}


def code_of(error: PlatformError) -> Code:
    """The code for an error of ours."""
    if isinstance(error, RequestError):
        return error.code
    if isinstance(error, DeclarationError | InvalidSchemaError | UnsupportedFormatError):
        return Code.INVALID_SCHEMA
    if isinstance(error, IncompatibleError):
        return Code.INCOMPATIBLE
    if isinstance(error, TokenError):
        return Code.UNAUTHORIZED
    if isinstance(error, UnknownPersonError | NotEntitledError):
        return Code.FORBIDDEN
    if isinstance(error, ChangedProposalError):
        return Code.CONFLICT
    if isinstance(error, ForbiddenError | PatchedError | SchemaConflictError | UnapprovedError):
        return Code.NOT_PERMITTED
    return Code.STORE_FAILED


def subject_not_found(subject: str) -> RequestError:
    """No such subject."""
    return RequestError(Code.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")


def version_not_found(version: object) -> RequestError:
    """No such version of the subject."""
    return RequestError(Code.VERSION_NOT_FOUND, f"Version {version} not found.")


def schema_not_found(which: object = "") -> RequestError:
    """No such id, or no such schema in the subject."""
    return RequestError(Code.SCHEMA_NOT_FOUND, f"Schema {which} not found" if which else "Schema not found")
