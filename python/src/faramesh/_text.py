"""The text for a model about a call that did not run, shared by all adapters.

In this order: what did not happen, the code, the rule, the reason, what to do. Nothing is said that would help to
get around a policy, and nothing about the machine: addresses and file paths stay in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faramesh._errors import (
    ActionWithdrawnError,
    AlreadyStartedError,
    ApprovalExpiredError,
    ApprovalRejectedError,
    ApprovalRequiredError,
    ArgumentsChangedError,
    FarameshError,
    InvalidActionError,
    PermitLapsedError,
    PolicyMismatchError,
    ToolDeniedError,
)

if TYPE_CHECKING:
    from faramesh._types import Decision


def model_text(error: FarameshError, tool: str) -> str:
    """The text for the model, one fact a line."""
    what, to_do = _what_and_to_do(error)
    lines = [f"The tool `{tool}` was not run: {what}", f"Code: {error.code}"]
    if error.decision is not None and isinstance(error, _DECIDED):
        lines += _facts(error.decision)
        if error.action is not None:
            lines.append(f"Action: {error.action.id}")
    elif isinstance(error, InvalidActionError):
        lines.append(f"Reason: {error.message}")
    elif error.action is not None:
        lines.append(f"Action: {error.action.id}")
    return "\n".join([*lines, to_do])


_DECIDED = (ToolDeniedError, ApprovalRequiredError, ApprovalRejectedError, ApprovalExpiredError)


def _facts(decision: Decision) -> list[str]:
    facts = []
    if decision.rule is not None:
        facts.append(f"Rule: {decision.rule.id} ({decision.rule.policy})")
    if decision.reason:
        facts.append(f"Reason: {decision.reason}")
    return facts


def _what_and_to_do(error: FarameshError) -> tuple[str, str]:
    match error:
        case ToolDeniedError():
            return (
                "policy denies this call.",
                "Do not retry with these arguments. Tell the user why, or go on without this call.",
            )
        case ApprovalRequiredError(action=None):
            return (
                "it needs approval by a person, and there is no way here to ask one.",
                (
                    "Do not retry with these arguments. Tell the user that this needs approval by a person "
                    "and was not done; it was not rejected."
                ),
            )
        case ApprovalRequiredError() if error.action is not None and error.action.status == "withdrawn":
            return (
                "it needs approval by a person, and none answered in time.",
                (
                    "Do not retry with these arguments. Tell the user that the request was not reviewed in time and is "
                    "withdrawn; it was not rejected."
                ),
            )
        case ApprovalRequiredError():
            return (
                "it is under review, waiting for approval by a person who has not answered yet.",
                (
                    "Do not retry with these arguments. Tell the user that the request is under review; "
                    "it was not rejected."
                ),
            )
        case ApprovalRejectedError():
            return (
                "a person reviewed this call and rejected it.",
                "Do not retry with these arguments. Tell the user that the request was rejected, and why.",
            )
        case ApprovalExpiredError():
            return (
                "its approval expired before a person answered.",
                (
                    "Do not retry with these arguments. Tell the user that nobody reviewed the request in time; "
                    "it was not rejected."
                ),
            )
        case PermitLapsedError():
            return (
                "it was permitted, and the permission ended before it was started.",
                "You may call the tool once more with the same arguments; it is then decided anew.",
            )
        case ActionWithdrawnError():
            return (
                "the call was withdrawn before it was started.",
                "Do not retry now. Tell the user that this was not done; it was not rejected.",
            )
        case AlreadyStartedError():
            return (
                "this very call was started before, and is not carried out twice.",
                "Do not retry. Tell the user that this was begun earlier, and that its result is to be looked up.",
            )
        case ArgumentsChangedError():
            return (
                "its arguments are not the ones that were decided.",
                "Do not retry with these arguments. Tell the user that the call could not be verified.",
            )
        case InvalidActionError():
            return (
                "its arguments cannot be read as an action.",
                "Do not retry with these arguments. Correct them as the reason says, or go on without this call.",
            )
        case PolicyMismatchError():
            return (
                "the policy that this tool relies on is not in force on the server.",
                "Do not retry. Tell the user that this cannot be done until an operator has put the policy in force.",
            )
        case _:
            return (
                "whether it is allowed could not be decided.",
                "Do not retry now. Tell the user that this cannot be done at the moment; it was not rejected.",
            )
