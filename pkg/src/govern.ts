// Wraps functions: from a call's arguments to an action, down the road, and to the function or to the refusal. What has
// run has run: a report that fails is told to `onError`, and changes neither the tool's result nor its error.

import { Call } from "./call.js";
import { reason } from "./client.js";
import { denialText } from "./denial.js";
import { FarameshError, InvalidActionError, PolicyUnavailableError } from "./errors.js";
import { canonical, NotJson, stringify } from "./json.js";
import { checkOnDeny, isName, mergedContext } from "./options.js";
import { MAX_ERROR_TEXT } from "./records.js";
import type { Report } from "./records.js";
import { admission } from "./road.js";
import type { Road, Started, Terms } from "./road.js";
import type { AnyFunction, GovernOptions, OnDeny } from "./types.js";

/** What the governor brings. */
export interface Surroundings {
  readonly agentId: string;
  readonly context: Record<string, unknown>;
  readonly onDeny: OnDeny;
  readonly reportResult: boolean;
  /** Whether there is somebody that a call may have to wait for. */
  readonly waits: boolean;
  readonly terms: Terms;
  readonly failed: (error: FarameshError) => void;
  /** Is called at the beginning of every call. */
  readonly begin: () => void;
}

type Args = readonly unknown[];
const OPTIONS = new Set<string>(["tool", "operation", "params", "context", "signal", "onDeny", "reportResult"] satisfies (keyof GovernOptions)[]);
const ASYNC = Object.getPrototypeOf(async () => undefined) as object;
const GENERATORS = [Object.getPrototypeOf(function* () {}), Object.getPrototypeOf(async function* () {})] as object[];

/** `fn` behind the gate, with its name and its number of arguments. */
export function governed(fn: AnyFunction, options: GovernOptions, around: Surroundings): AnyFunction {
  check(fn, options);
  const { tool, operation = "call" } = options;
  const onDeny = options.onDeny ?? around.onDeny;
  const reportResult = options.reportResult ?? around.reportResult;
  const paramsOf = mapping(fn, options);
  const isAsync = around.waits || Object.getPrototypeOf(fn) === ASYNC;

  // What is the same in every call is written once.
  const head = `{"agent_id":${JSON.stringify(around.agentId)},"tool":${JSON.stringify(tool)},"operation":${JSON.stringify(operation)}`;
  const { context, signal } = options;
  const writer = (args: Args) => (): string => {
    const given = typeof context === "function" ? context(...(args as never[])) : context;
    return stringify({ params: paramsOf.read(args), context: mergedContext(around.context, given) }, "the action", head);
  };
  const prepare = (args: Args): Call =>
    new Call(tool, writer(args), typeof signal === "function" ? signal(...(args as never[])) : signal);
  const refused = (error: unknown): unknown => {
    if (!(error instanceof FarameshError)) throw error;
    if (error instanceof PolicyUnavailableError) around.failed(error);
    if (onDeny === "throw") throw error;
    const text = denialText(error, tool);
    return onDeny === "return" ? text : onDeny({ error, decision: error.decision, tool, text });
  };
  const success = (value: unknown): Report => ({ success: true, error: null, result: reportResult ? resultText(value, tool, around) : null });

  const synchronous = function (this: unknown, ...args: unknown[]): unknown {
    around.begin();
    let call: Call;
    let started: Started;
    try {
      call = prepare(args);
      started = drive(admission(call, around.terms));
    } catch (error) {
      return refused(error);
    }
    let result: unknown;
    try {
      result = fn.apply(this, paramsOf.args(args, call));
    } catch (error) {
      void started.ended(failure(error));
      throw error;
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

  const asynchronous = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    around.begin();
    let call: Call;
    let started: Started;
    try {
      // Before anything is waited for: who called may change its arguments from here on.
      call = prepare(args);
      started = await driveAsync(admission(call, around.terms));
    } catch (error) {
      return refused(error);
    }
    let result: unknown;
    try {
      result = await fn.apply(this, paramsOf.args(args, call));
    } catch (error) {
      await report(started, failure(error), tool, around);
      throw error;
    }
    await report(started, success(result), tool, around);
    return result;
  };

  const wrapper = isAsync ? asynchronous : synchronous;
  Object.defineProperty(wrapper, "name", { value: fn.name, configurable: true });
  Object.defineProperty(wrapper, "length", { value: fn.length, configurable: true });
  return wrapper;
}

function check(fn: unknown, options: GovernOptions): asserts fn is AnyFunction {
  if (typeof fn !== "function") throw new TypeError("`govern` takes a function");
  if (typeof options !== "object" || options === null) throw new TypeError("`govern` takes an object of options, with `tool` among them");
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) throw new TypeError(`there is no option \`${unknown}\``);
  if (!isName(options.tool)) throw new TypeError("`tool` must name the tool");
  if (options.operation !== undefined && options.operation !== "" && !isName(options.operation)) throw new TypeError("`operation` must be a text");
  if (GENERATORS.some((kind) => Object.getPrototypeOf(fn) === kind)) {
    throw new TypeError(`\`${options.tool}\` is a generator, whose effects come after its call; govern a plain function`);
  }
  checkOnDeny(options.onDeny);
}

/** How arguments become `params`, and how decided `params` become arguments again. */
interface Mapping {
  read(args: Args): object;
  args(args: Args, call: Call): unknown[];
}

function mapping(fn: AnyFunction, { tool, params }: GovernOptions): Mapping {
  if (params === undefined) {
    if (fn.length > 1) {
      throw new TypeError(`\`${tool}\` takes ${fn.length} arguments; say with \`params\` how they are called: a list of names, or a function`);
    }
    return {
      read(args) {
        if (args.length > 1) throw new NotJson(`\`${tool}\` was called with ${args.length} arguments, and one object is expected`);
        const [one = {}] = args;
        if (typeof one !== "object" || one === null || Array.isArray(one)) throw new NotJson(`the argument of \`${tool}\` is no object`);
        return one;
      },
      // What was decided is what runs, whatever the caller's object answers when it is read again.
      args: (args, call) => (args.length === 0 || args[0] === undefined ? [...args] : [call.snapshot()]),
    };
  }
  if (typeof params === "function") {
    return { read: (args) => params(...(args as never[])), args: (args) => [...args] };
  }
  const names: readonly string[] = params;
  if (!Array.isArray(params) || names.some((name) => typeof name !== "string" || name === "")) {
    throw new TypeError(`\`params\` of \`${tool}\` must be a list of names, or a function`);
  }
  if (new Set(names).size !== names.length) throw new TypeError(`\`params\` of \`${tool}\` names an argument twice`);
  if (names.length < fn.length) {
    throw new TypeError(`\`${tool}\` takes ${fn.length} arguments, and \`params\` names ${names.length}`);
  }
  return {
    read(args) {
      if (args.length > names.length) throw new NotJson(`\`${tool}\` was called with ${args.length} arguments, and ${names.length} have a name`);
      return Object.fromEntries(names.map((name, index) => [name, args[index]]));
    },
    args(args, call) {
      const decided = call.snapshot();
      return args.map((_, index) => decided[names[index] as string]);
    },
  };
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

/** What a tool gave back, in canonical form; null, told to `onError`, when it has none. */
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
