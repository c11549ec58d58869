// The text for a model about a call that did not run, in the words of the Python package.
//
// In this order: what did not happen, the code, the rule, the reason, what to do. Nothing is said that would help to
// get around a policy, and nothing about the machine: addresses and file names of servers stay in the error.

import {
  ApprovalExpiredError,
  ApprovalRejectedError,
  ApprovalRequiredError,
  ArgumentsChangedError,
  InvalidActionError,
  ToolDeniedError,
} from "./errors.js";
import type { ApprovalState, FarameshError } from "./errors.js";

/** The text for the model about a call of `tool` that did not run, one fact a line. */
export function denialText(error: FarameshError, tool: string): string {
  const { what, advice, decided } = wording(error);
  const lines = [`The tool \`${tool}\` was not run: ${what}`, `Code: ${error.code}`];
  if (decided && error.decision !== null) {
    const { rule, reason } = error.decision;
    if (rule !== null) lines.push(`Rule: ${rule.id} (${rule.policy})`);
    if (reason !== "") lines.push(`Reason: ${reason}`);
    if (error.actionId !== null) lines.push(`Action: ${error.actionId}`);
  } else if (error instanceof InvalidActionError) {
    lines.push(`Reason: ${error.message}`);
  }
  return [...lines, advice].join("\n");
}

interface Wording {
  readonly what: string;
  readonly advice: string;
  readonly decided: boolean;
}

const APPROVAL: Record<ApprovalState, { readonly what: string; readonly advice: string }> = {
  waits: {
    what: "it is under review, waiting for approval by a person who has not answered yet.",
    advice: "Do not retry with these arguments. Tell the user that the request is under review; it was not rejected.",
  },
  withdrawn: {
    what: "no person answered in time, and the request was withdrawn.",
    advice: "Do not retry now. Tell the user that nobody has reviewed the request and that it has to be made again; it was not rejected.",
  },
  insufficient: {
    what: "it needs approval by more people, or by others, than have approved it.",
    advice: "Do not retry with these arguments. Tell the user that the request is not approved yet; it was not rejected.",
  },
  nobody: {
    what: "it needs approval by a person, and there is no way here to ask one.",
    advice: "Do not retry with these arguments. Tell the user that this needs approval by a person and was not done; it was not rejected.",
  },
};

function wording(error: FarameshError): Wording {
  if (error instanceof ToolDeniedError) {
    return {
      what: "policy denies this call.",
      advice: "Do not retry with these arguments. Tell the user why, or go on without this call.",
      decided: true,
    };
  }
  if (error instanceof ApprovalRequiredError) return { ...APPROVAL[error.approval], decided: true };
  if (error instanceof ApprovalRejectedError) {
    return {
      what: "a person reviewed this call and rejected it.",
      advice: "Do not retry with these arguments. Tell the user that the request was rejected, and why.",
      decided: true,
    };
  }
  if (error instanceof ApprovalExpiredError && error.code === "permit_expired") {
    return {
      what: "it was permitted and not started in time, so the permission has lapsed.",
      advice: "Call it again if it is still wanted; it was not rejected.",
      decided: true,
    };
  }
  if (error instanceof ApprovalExpiredError) {
    return {
      what: "its approval expired before a person answered.",
      advice: "Do not retry with these arguments. Tell the user that nobody reviewed the request in time; it was not rejected.",
      decided: true,
    };
  }
  if (error instanceof ArgumentsChangedError) {
    return {
      what: "its arguments are not the ones that were decided.",
      advice: "Do not retry with these arguments. Tell the user that the call could not be verified.",
      decided: false,
    };
  }
  if (error instanceof InvalidActionError) {
    return {
      what: "its arguments cannot be read as an action.",
      advice: "Do not retry with these arguments. Correct them as the reason says, or go on without this call.",
      decided: false,
    };
  }
  return {
    what: "whether it is allowed could not be decided.",
    advice: "Do not retry now. Tell the user that this cannot be done at the moment; it was not rejected.",
    decided: false,
  };
}
