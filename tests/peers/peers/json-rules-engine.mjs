// json-rules-engine: rules with priorities; the first event decides and stops the run, no event means deny.

import { Engine } from "json-rules-engine";
import { otherTools } from "../lib/policy.mjs";
import { versionOf } from "../lib/version.mjs";

export const name = "json-rules-engine";
export const version = () => versionOf("json-rules-engine");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "the result of every rule", risk: "no", approval: "the type of an event" };

const tool = (value) => ({ fact: "tool", operator: "equal", value });
const amount = (operator, value) => ({ fact: "params", path: "$.amount", operator, value });
const refund = tool("stripe.refund");
const WORDED = {
  bounded: [
    [[refund, amount("lessThanInclusive", 150)], "allow"],
    [[refund, amount("greaterThan", 150), amount("lessThanInclusive", 1000)], "approval"],
    [[refund, amount("greaterThan", 1000)], "deny"],
  ],
  "deny first": [
    [[refund, amount("greaterThan", 1000)], "deny"],
    [[refund, amount("greaterThan", 150)], "approval"],
    [[refund], "allow"],
  ],
};

export function prepare({ rules, wording }) {
  const engine = new Engine();
  const all = [
    ...otherTools(rules).map((other) => [[tool(other.tool), amount("lessThanInclusive", other.upTo)], "allow"]),
    ...WORDED[wording],
    [[tool("email.send")], "allow"],
  ];
  all.forEach(([conditions, decision], number) =>
    engine.addRule({ conditions: { all: conditions }, event: { type: decision }, priority: all.length - number }),
  );
  engine.on("success", () => engine.stop());
  return async (call) => {
    const { events } = await engine.run(call);
    return events.length > 0 ? events[0].type : "deny";
  };
}
