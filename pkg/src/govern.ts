// Wraps functions: from a call's arguments to an action, through the flow, to the function or to the refusal. A tool that
// has run stays run: a failing report goes to `onError` and changes neither the tool's result nor its error.

import { readerOf } from "./arguments.js";
import { besideOf } from "./beside.js";
import { Call } from "./call.js";
import { reason } from "./client.js";
import { denialText } from "./denial.js";
import { ArgumentsChangedError, FarameshError, InvalidActionError, PolicyUnavailableError } from "./errors.js";
import { canonical, NotJson, stringify } from "./json.js";
import { checkOnDeny, isName, mergedContext } from "./options.js";
import { MAX_ERROR_TEXT } from "./records.js";
import type { Report } from "./records.js";
import { admission, resumption } from "./road.js";
import type { Road, Started, Terms } from "./road.js";
import { sha256 } from "./sha256.js";
import type { AnyFunction, GovernOptions, OnDeny } from "./types.js";

/** The services of the governor. */
export interface Surroundings {
  readonly agentId: string;
  readonly context: Record<string, unknown>;
  readonly onDeny: OnDeny;
  readonly reportResult: boolean;
  /** Whether a call may have to wait for a person. */
  readonly waits: boolean;
  readonly terms: Terms;
  /** Receives failures; `thrown` says that the caller gets the error too. */
  readonly failed: (error: FarameshError, thrown?: boolean) => void;
  /** Is called at the beginning of every call. */
  readonly begin: () => void;
}

type Args = readonly unknown[];
/** Takes up an action that was submitted before, with the arguments that it was submitted with. */
type Resume = (actionId: string, self: unknown, args: Args) => Promise<unknown>;

const OPTIONS = new Set<string>([
  "callId",
  "context",
  "defaults",
  "exclude",
  "onDeny",
  "operation",
  "params",
  "reportResult",
  "signal",
  "tool",
] satisfies (keyof GovernOptions)[]);
const ASYNC = Object.getPrototypeOf(async () => undefined) as object;
/** Functions have these of their own, and a wrapper keeps its own too. */
const OWN = new Set<PropertyKey>(["length", "name", "prototype", "arguments", "caller"]);
const resumes = new WeakMap<AnyFunction, { readonly around: Surroundings; readonly resume: Resume }>();

/** How `tool` takes up an action; undefined for what this governor has not wrapped. */
export function resumeOf(tool: AnyFunction, isOurs: (around: Surroundings) => boolean): Resume | undefined {
  const found = resumes.get(tool);
  return found !== undefined && isOurs(found.around) ? found.resume : undefined;
}

/** `fn` behind the gate, with its name, its number of arguments and its own properties. */
export function governed(fn: AnyFunction, options: GovernOptions, around: Surroundings): AnyFunction {
  check(fn, options);
  const { tool, operation = "call" } = options;
  const onDeny = options.onDeny ?? around.onDeny;
  const reportResult = options.reportResult ?? around.reportResult;
  const read = readerOf(fn, options);
  const isAsync = around.waits || Object.getPrototypeOf(fn) === ASYNC;

  // Parts that are the same in every call are serialized once.
  const head = `{"agent_id":${JSON.stringify(around.agentId)},"tool":${JSON.stringify(tool)},"operation":${JSON.stringify(operation)}`;
  const { context, signal, callId } = options;
  const write = (params: object, args: Args): string => {
    const given = typeof context === "function" ? context(...(args as never[])) : context;
    return stringify({ params, context: mergedContext(around.context, given) }, "the action", head);
  };
  /** The call, and the tool's arguments if it may run; both are fixed here, even if the caller changes its own later. */
  const prepare = (args: Args): { call: Call; given: unknown[] } => {
    try {
      const reading = read(args);
      const beside = args.length > 1 ? besideOf(args) : undefined;
      const named = typeof callId === "function" ? callId(...(args as never[])) : callId;
      const id = named === undefined ? beside?.call : [named];
      const call = new Call(tool, write(reading.params, args), () => write(read(args).params, args), {
        signal: (typeof signal === "function" ? signal(...(args as never[])) : signal) ?? beside?.signal,
        // A header holds ASCII, and a name may hold anything.
        idempotencyKey: id === undefined ? undefined : `call-${sha256(JSON.stringify([around.agentId, tool, operation, ...id]))}`,
      });
      return { call, given: reading.args(() => call.snapshot()) };
    } catch (error) {
      if (!(error instanceof NotJson)) throw error;
      throw new InvalidActionError(error.message, { code: "invalid_action", cause: error });
    }
  };
  const refused = (error: unknown): unknown => {
    if (!(error instanceof FarameshError)) throw error;
    const thrown = onDeny === "throw";
    // A mistake by the author of the tool must be seen by more than a model.
    const told = error instanceof PolicyUnavailableError || (!thrown && (error instanceof InvalidActionError || error instanceof ArgumentsChangedError));
    if (told) around.failed(error, thrown);
    if (thrown) throw error;
    const text = denialText(error, tool);
    return onDeny === "return" ? text : onDeny({ error, decision: error.decision, tool, text });
  };
  const success = (value: unknown): Report => ({ success: true, error: null, result: reportResult ? resultText(value, tool, around) : null });

  const synchronous = function (this: unknown, ...args: unknown[]): unknown {
    around.begin();
    let given: unknown[];
    let started: Started;
    try {
      const prepared = prepare(args);
      given = prepared.given;
      started = drive(admission(prepared.call, around.terms));
      started.begin();
    } catch (error) {
      return refused(error);
    }
    let result: unknown;
    try {
      result = fn.apply(this, given);
    } catch (error) {
      void started.ended(failure(error));
      throw error;
    }
    if (isGenerator(result)) {
      const error = generatorError(tool);
      void started.ended(failure(error));
      return refused(error);
    }
    if (!isThenable(result)) {
      void started.ended(success(result));
      return result;
    }
    return result.then(
      (value) => {
        void started.ended(success(value));
        return value;
      },
      (error: unknown) => {
        void started.ended(failure(error));
        throw error;
      },
    );
  };

  const run = async (self: unknown, args: Args, road: (call: Call) => Road<Started>): Promise<unknown> => {
    around.begin();
    let given: unknown[];
    let started: Started;
    try {
      // Before any wait, because the caller may change the arguments from here on.
      const prepared = prepare(args);
      given = prepared.given;
      started = await driveAsync(road(prepared.call));
    } catch (error) {
      return refused(error);
    }
    try {
      // INVARIANT: from this check to the tool nothing is waited for, so nothing can change in between.
      started.begin();
    } catch (error) {
      if (started.isOpen) await report(started, failure(error), tool, around);
      return refused(error);
    }
    let result: unknown;
    try {
      result = await fn.apply(self, given);
    } catch (error) {
      await report(started, failure(error), tool, around);
      throw error;
    }
    if (isGenerator(result)) {
      const error = generatorError(tool);
      await report(started, failure(error), tool, around);
      return refused(error);
    }
    await report(started, success(result), tool, around);
    return result;
  };
  const asynchronous = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return run(this, args, (call) => admission(call, around.terms));
  };

  const wrapper = isAsync ? asynchronous : synchronous;
  for (const key of Reflect.ownKeys(fn).filter((key) => !OWN.has(key))) {
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(fn, key) as PropertyDescriptor);
  }
  Object.defineProperty(wrapper, "name", { value: fn.name, configurable: true });
  Object.defineProperty(wrapper, "length", { value: fn.length, configurable: true });
  resumes.set(wrapper, {
    around,
    resume: (actionId, self, args) => run(self, args, (call) => resumption(call, around.terms, actionId)),
  });
  return wrapper;
}

function check(fn: unknown, options: GovernOptions): asserts fn is AnyFunction {
  if (typeof fn !== "function") throw new TypeError("`govern` takes a function");
  if (typeof options !== "object" || options === null) throw new TypeError("`govern` takes an object of options, with `tool` among them");
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) throw new TypeError(`there is no option \`${unknown}\``);
  if (!isName(options.tool)) throw new TypeError("`tool` must name the tool, in 1 to 256 bytes");
  if (options.operation !== undefined && options.operation !== "" && !isName(options.operation)) {
    throw new TypeError("`operation` must be a text of at most 256 bytes");
  }
  if (options.callId !== undefined && typeof options.callId !== "function" && !isName(options.callId)) throw new TypeError("`callId` must be a text, or a function");
  checkOnDeny(options.onDeny);
}

/** Takes a road on which nothing is waited for. */
function drive<T>(road: Road<T>): T {
  const step = road.next();
  if (!step.done) throw new PolicyUnavailableError("this call would have to wait, and it cannot", { code: "cannot_wait" });
  return step.value;
}

async function driveAsync<T>(road: Road<T>): Promise<T> {
  let step = road.next();
  while (!step.done) {
    let answer: unknown;
    try {
      answer = await step.value();
    } catch (error) {
      step = road.throw(error);
      continue;
    }
    step = road.next(answer);
  }
  return step.value;
}

async function report(started: Started, ended: Report, tool: string, around: Surroundings): Promise<void> {
  try {
    await started.ended(ended);
  } catch (error) {
    const message = `the end of \`${tool}\` could not be reported: ${reason(error)}`;
    around.failed(new FarameshError(message, { code: "report_failed", decision: started.decision, cause: error }));
  }
}

function failure(error: unknown): Report {
  let text: string;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    text = "an error whose text fails";
  }
  return { success: false, error: text.slice(0, MAX_ERROR_TEXT).replace(/\p{Surrogate}/gu, "\ufffd"), result: null };
}

/** A tool's result in canonical form; null, reported to `onError`, if it has none. */
function resultText(value: unknown, tool: string, around: Surroundings): string | null {
  try {
    return canonical(JSON.parse(stringify(value ?? null, "the result")));
  } catch (error) {
    const message = `the result of \`${tool}\` is not reported: ${reason(error)}`;
    around.failed(new InvalidActionError(message, { code: "invalid_result", cause: error }));
    return null;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Whether this is what a generator gives back before any of it has run. */
function isGenerator(value: unknown): boolean {
  if (typeof value !== "object" || value === null || typeof (value as { next?: unknown }).next !== "function") return false;
  return /^\[object (?:Async)?Generator\]$/.test(Object.prototype.toString.call(value));
}

function generatorError(tool: string): InvalidActionError {
  const message = `\`${tool}\` gave back a generator, whose effects come after its call, so nothing of it runs; govern a function that runs to its end`;
  return new InvalidActionError(message, { code: "generator" });
}
