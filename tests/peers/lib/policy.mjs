// The parts that all the policies share: the sizes, the wordings and the sixteen rules about other tools.
// The refund policy itself is in each peer's file, in the peer's own language.

/**
 * `bounded`: every rule names its whole range (up to 150, above 150 up to 1000, above 1000), and the default is deny.
 * `deny first`: deny above 1000, ask above 150, allow the rest of the refunds; the order or the strictness decides.
 * Both give the same answers to well-formed amounts. A rule that cannot be evaluated shows in the second.
 */
export const WORDINGS = ["bounded", "deny first"];

/** The rules before the refund rules in the policy of 20: other tools, each with a limit of its own. */
export function otherTools(rules) {
  const count = Math.max(0, rules - 4);
  return Array.from({ length: count }, (_, number) => ({ tool: `tool_${number}`, upTo: number * 10 }));
}
