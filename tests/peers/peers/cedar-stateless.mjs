// Cedar in wasm with `isAuthorized`, which parses the policies on every call.

import { isAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { versionOf } from "../lib/version.mjs";
import { nodeFlags, outcome, policies, request } from "./cedar-policy.mjs";

export { nodeFlags };
export const name = "cedar-wasm, stateless";
export const version = () => versionOf("@cedar-policy/cedar-wasm");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "ids of the policies that decided, errors", risk: "no", approval: "an annotation the host reads" };

export function prepare(variant) {
  const { byId, asks } = policies(variant);
  const set = { staticPolicies: byId };
  return (call) => outcome(isAuthorized({ ...request(call), policies: set }), asks);
}
