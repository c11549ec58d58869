"""The tree of exceptions.

    FarameshError
    ├── ToolDeniedError              a policy denies it, or the outcome is a word from a newer server
    ├── ApprovalRequiredError        held for a person, without an answer so far
    ├── ApprovalRejectedError        a person rejected it
    ├── ApprovalExpiredError         the server stopped waiting for a person
    ├── PermitLapsedError            permitted, but not started in time, or no longer permitted at its start
    ├── ActionWithdrawnError         the call was given up before it was started
    ├── AlreadyStartedError          this call was started before, so it is not run a second time
    ├── ArgumentsChangedError        the arguments changed after the decision
    ├── InvalidActionError           the arguments have no canonical form
    └── PolicyUnavailableError       nothing was decided
        ├── ServerUnavailableError   no answer in time, a failing server, an invalid answer
        ├── AccessRefusedError       the server does not know this key, or the key lacks the permission
        ├── RequestRefusedError      the server refused the request, mostly a `start`
        ├── SettingsError            the environment or `.env` contradicts itself, or has an invalid value
        ├── PolicyMismatchError      the server does not have the file in `policy=` in force
        ├── PolicyInvalidError       the policies have errors, listed in it
        ├── EngineUnavailableError   the engine cannot be started in this process
        └── EngineFailureError       the engine stopped, or gave an invalid answer

Whichever of them a governed tool raises, the tool has not run.
"""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import Self

from faramesh._types import Action, Decision, Diagnostic


class FarameshError(Exception):
    """The base of all errors of this package.

    `code` is stable and for programs; `decision` is the decision, if there was one; `action` is the server's copy of
    the action, if a server was asked, and `action_id` its id, by which `resume` continues it. `help` is advice for the
    developer and is never shown to a model.
    """

    default_code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    """Whether repeating the same call later may succeed without a new answer from anyone."""

    code: str
    decision: Decision | None
    action: Action | None
    help: str | None

    def __init__(
        self, message: str, *, code: str | None = None, action: Decision | None = None, help: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.decision = action
        self.action = action if isinstance(action, Action) else None
        self.help = help

    def __str__(self) -> str:
        return f"{self.message}; {self.help}" if self.help else self.message

    @property
    def message(self) -> str:
        """The message, without the advice."""
        return str(self.args[0]) if self.args else ""

    @property
    def action_id(self) -> str | None:
        """The id of the action on the server, where there is one."""
        return None if self.action is None else self.action.id


class ToolDeniedError(FarameshError):
    """The outcome is `HALT`; `code` is the reason code, such as `policy_deny` or `default_deny`."""

    default_code = "policy_deny"


class ApprovalRequiredError(FarameshError):
    """The action is held for a person and got no answer within `approval_timeout`; this is not a rejection."""

    default_code = "approval_required"


class ApprovalRejectedError(FarameshError):
    """A person looked at the action and rejected it."""

    default_code = "approval_rejected"


class ApprovalExpiredError(FarameshError):
    """The approval expired on the server without an answer; this is not a rejection."""

    default_code = "approval_expired"


class PermitLapsedError(FarameshError):
    """The action was permitted and may not start any more; `code` is `permit_expired` or `policy_changed`.

    The same call may be proposed again.
    """

    default_code = "permit_expired"
    retryable = True


class ActionWithdrawnError(FarameshError):
    """The call was given up, and its action withdrawn, before it started; this is not a rejection."""

    default_code = "withdrawn"


class AlreadyStartedError(FarameshError):
    """The tool was started for this very call before, here or elsewhere, so it is not run a second time."""

    default_code = "already_started"


class ArgumentsChangedError(FarameshError):
    """The hash that was decided is not the hash of the arguments that would be used."""

    default_code = "arguments_changed"


class InvalidActionError(FarameshError):
    """The action cannot be written as canonical JSON, or the server cannot read it."""

    default_code = "invalid_action"


class PolicyUnavailableError(FarameshError):
    """Nothing was decided, so nothing runs."""

    default_code = "policy_unavailable"


class ServerUnavailableError(PolicyUnavailableError):
    """The server cannot be reached, does not answer in time, fails, or answers with something that makes no sense."""

    default_code = "server_unavailable"
    retryable = True


class AccessRefusedError(PolicyUnavailableError):
    """The server answered 401 or 403."""

    default_code = "access_refused"


class RequestRefusedError(PolicyUnavailableError):
    """The server answered with another 4xx; 409 on `start` means that the permit is not there to redeem."""

    default_code = "request_refused"


class SettingsError(PolicyUnavailableError):
    """The environment or `.env` contradicts itself, or has a value that cannot be used; nothing was asked."""

    default_code = "settings_invalid"


class PolicyMismatchError(PolicyUnavailableError):
    """The server does not have exactly the file in force that `policy=` names."""

    default_code = "policy_mismatch"


class PolicyInvalidError(PolicyUnavailableError):
    """The policies have errors, so they cannot decide; `diagnostics` holds every finding about them."""

    default_code = "policy_invalid"

    diagnostics: tuple[Diagnostic, ...] = ()

    @classmethod
    def of(cls, diagnostics: tuple[Diagnostic, ...]) -> Self:
        """The error with the first of them in its message."""
        errors = [one for one in diagnostics if one.severity == "error"]
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        error = cls(f"the policies have errors: {errors[0] if errors else 'none was told'}{more}")
        error.diagnostics = diagnostics
        return error


class EngineUnavailableError(PolicyUnavailableError, ImportError):
    """The engine cannot be started in this process: a package, or the engine module itself, is missing."""

    default_code = "engine_unavailable"


class EngineFailureError(PolicyUnavailableError):
    """The engine stopped, ran out of fuel or memory, or said something that makes no sense."""

    default_code = "engine_failure"
