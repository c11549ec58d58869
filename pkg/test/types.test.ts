// The promises of the types, checked by the compiler; the one test below only reports that they were.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createGovernor, govern } from "faramesh";
import type { ApprovalBroker, Decided, Governor, GovernorOptions } from "faramesh";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Equal<A, B>): void {
  // The compiler has looked.
}

const policy = "rules: []";
declare const broker: ApprovalBroker;
const add = (input: { a: number; b: number }): number => input.a + input.b;
const load = async (input: { id: string }): Promise<{ name: string }> => Promise.resolve({ name: input.id });
function overloaded(input: { a: string }): string;
function overloaded(input: { b: number }): number;
function overloaded(input: object): unknown {
  return input;
}
const generic = <T extends object>(input: T): T => input;

// The compiler reads these; nothing calls them.
export function local() {
  const governor = createGovernor({ agentId: "a", policy });
  same<ReturnType<typeof governor.decide>, Decided>(true);
  same<typeof governor.mode, "local">(true);

  const governedAdd = governor.govern(add, { tool: "add" });
  same<typeof governedAdd, typeof add>(true);
  const governedLoad = governor.govern(load, { tool: "load" });
  same<typeof governedLoad, typeof load>(true);
  const governedOverloads = governor.govern(overloaded, { tool: "o" });
  same<typeof governedOverloads, typeof overloaded>(true);
  const governedGeneric = governor.govern(generic, { tool: "g" });
  same<typeof governedGeneric, typeof generic>(true);

  const text = governor.govern(add, { tool: "add", onDeny: "return" });
  same<ReturnType<typeof text>, number | string>(true);
  const made = governor.govern(add, { tool: "add", onDeny: ({ error }) => ({ denied: error.code }) });
  same<ReturnType<typeof made>, number | { denied: string }>(true);
  const whole = createGovernor({ agentId: "a", policies: { "a.yaml": policy }, onDeny: "return" });
  const governed = whole.govern(add, { tool: "add" });
  same<ReturnType<typeof governed>, number | string>(true);
  const back = whole.govern(add, { tool: "add", onDeny: "throw" });
  same<ReturnType<typeof back>, number>(true);
}

export function remote() {
  const governor = createGovernor({ agentId: "a", server: "http://127.0.0.1:8000" });
  same<typeof governor.mode, "remote">(true);
  same<ReturnType<typeof governor.decide>, Promise<Decided>>(true);
  const governedAdd = governor.govern(add, { tool: "add" });
  same<typeof governedAdd, (this: unknown, input: { a: number; b: number }) => Promise<number>>(true);
  const governedLoad = governor.govern(load, { tool: "load" });
  same<typeof governedLoad, typeof load>(true);
}

export function localThatWaits() {
  const governor = createGovernor({ agentId: "a", policy, approvals: broker });
  same<ReturnType<typeof governor.decide>, Decided>(true);
  const governedAdd = governor.govern(add, { tool: "add" });
  same<ReturnType<typeof governedAdd>, Promise<number>>(true);
  const both = createGovernor({ agentId: "a", policies: { "a.yaml": policy }, server: { url: "http://127.0.0.1:8000" }, onDeny: "return" });
  const text = both.govern(load, { tool: "load" });
  same<ReturnType<typeof text>, Promise<{ name: string } | string>>(true);
}

export function unknown(options: GovernorOptions) {
  const governor = createGovernor(options);
  same<ReturnType<typeof governor.decide>, Decided | Promise<Decided>>(true);
  const any: Governor = createGovernor({ agentId: "a", policy });
  return any;
}

export function fields(url: string | undefined) {
  // A field keeps what its governor gives back, and one that throws is the default.
  const fields: { local: Governor<"sync">; asking: Governor<"async", string>; any: Governor } = {
    local: createGovernor({ agentId: "a", policy }),
    asking: createGovernor({ agentId: "a", policy, approvals: broker, onDeny: "return" }),
    any: createGovernor({ agentId: "a", policy }),
  };
  const one = fields.local.govern(add, { tool: "add" });
  same<ReturnType<typeof one>, number>(true);
  const two = fields.asking.govern(add, { tool: "add" });
  same<ReturnType<typeof two>, Promise<number | string>>(true);
  const three = fields.any.govern(add, { tool: "add" });
  same<ReturnType<typeof three>, number | Promise<number>>(true);
  // @ts-expect-error a denial that is given back does not get lost in a field
  const lost: Governor = createGovernor({ agentId: "a", policy, onDeny: "return" });
  // A server that may not be there is no reason to be synchronous now and then.
  const maybe = createGovernor({ agentId: "a", policies: { "a.yaml": policy }, server: url });
  const four = maybe.govern(add, { tool: "add" });
  same<ReturnType<typeof four>, Promise<number>>(true);
  const five = govern(add, { agentId: "a", policies: { "a.yaml": policy }, server: url, tool: "add" });
  same<ReturnType<typeof five>, Promise<number>>(true);
  const again = fields.asking.resume("id", two, { a: 1, b: 2 });
  same<typeof again, Promise<number | string>>(true);
  return lost;
}

export function demanded() {
  const governor = createGovernor({ agentId: "a", policy });
  // @ts-expect-error a number is not an object
  governor.govern((x: number) => x, { tool: "t" });
  // @ts-expect-error two arguments have no names
  governor.govern((a: object, b: object) => [a, b], { tool: "t" });
  // @ts-expect-error a list is not an object
  governor.govern((list: string[]) => list, { tool: "t" });
  governor.govern((x: number) => x, { tool: "t", params: ["x"] });
  governor.govern(() => 1, { tool: "t" });
  governor.govern((input?: { a: number }) => input, { tool: "t" });
  governor.govern((...all: any[]) => all, { tool: "t", params: ["all"] });
}

export function alone() {
  const one = govern(add, { agentId: "a", policy, tool: "add" });
  same<typeof one, typeof add>(true);
  const two = govern((customer_id: string, amount: number) => `${customer_id} ${amount}`, {
    agentId: "a",
    server: "http://127.0.0.1:8000",
    tool: "refund",
    params: ["customer_id", "amount"],
  });
  same<Parameters<typeof two>, [customer_id: string, amount: number]>(true);
  same<ReturnType<typeof two>, Promise<string>>(true);
  govern(add, { agentId: "a", policy, tool: "add", params: (input) => ({ sum: input.a + input.b }) });
  // @ts-expect-error a tool has a name
  govern(add, { agentId: "a", policy });
  // @ts-expect-error an agent has a name
  createGovernor({ policy });
  // @ts-expect-error an unknown option is refused
  createGovernor({ agentId: "a", policy, failOpen: true });
  // @ts-expect-error there is no way to let a tool run
  createGovernor({ agentId: "a", policy, onDeny: "allow" });
}

test("the compiler has accepted the types above", () => {
  assert.equal(typeof local, "function");
});
