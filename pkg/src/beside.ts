// The extra arguments that agent frameworks pass to a tool: the AI SDK `{ toolCallId, abortSignal }`, LangChain.js a
// config or a runtime, the OpenAI Agents SDK the details of the call. They are never part of an action.

import { isPlain } from "./json.js";

/** A signal that calls the call off, and what tells this call of this conversation from all others. */
export interface Beside {
  readonly signal: AbortSignal | undefined;
  /** The thread and the call; a call id alone is not enough, since a replayed model gives the same ids again. */
  readonly call: readonly [thread: string, call: string] | undefined;
}

/** Looks at the arguments behind the first. */
export function besideOf(args: readonly unknown[]): Beside {
  let signal: AbortSignal | undefined;
  let thread: string | undefined;
  let call: string | undefined;
  for (const given of args.slice(1)) {
    signal ??= signalIn(given, "abortSignal") ?? signalIn(given, "signal") ?? signalIn(at(given, "config"), "signal");
    thread ??= text(at(at(given, "configurable"), "thread_id")) ?? text(at(at(at(given, "config"), "configurable"), "thread_id"));
    const toolCall = at(given, "toolCall");
    call ??= text(at(given, "toolCallId")) ?? text(at(toolCall, "id")) ?? text(at(toolCall, "callId"));
  }
  return { signal, call: thread === undefined || call === undefined ? undefined : [thread, call] };
}

function at(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    // Some framework objects throw for a missing property.
    return undefined;
  }
}

function signalIn(value: unknown, key: string): AbortSignal | undefined {
  const found = at(value, key);
  return found instanceof AbortSignal ? found : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A property that a framework's options object has and the arguments of a tool do not. */
const KEYS = ["toolCallId", "toolCall", "abortSignal", "configurable", "callbacks", "recursionLimit", "requestContext", "runContext"];

/** Whether a framework hands this over: an object with its keys, one of its classes, or nothing. */
export function isBeside(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== "object" || Array.isArray(value)) return false;
  return !isPlain(value) || KEYS.some((key) => key in value);
}
