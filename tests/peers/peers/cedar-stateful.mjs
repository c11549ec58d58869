// Cedar in wasm with the policies parsed once and kept in the module, which is how it is meant to be used.

import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { versionOf } from "../lib/version.mjs";
import { nodeFlags, outcome, policies, request } from "./cedar-policy.mjs";

export { nodeFlags };
export const name = "cedar-wasm, stateful";
export const version = () => versionOf("@cedar-policy/cedar-wasm");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "ids of the policies that decided, errors", risk: "no", approval: "an annotation the host reads" };

export function prepare(variant) {
  const { byId, asks } = policies(variant);
  const parsed = preparsePolicySet("refunds", { staticPolicies: byId });
  if (parsed.type !== "success") throw new Error(parsed.errors[0].message);
  return (call) => outcome(statefulIsAuthorized({ ...request(call), preparsedPolicySetId: "refunds" }), asks);
}
