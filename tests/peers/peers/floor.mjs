// The floor: RFC 8785 and SHA-256 in plain JavaScript, which is what a request hash costs before anything is decided.
// It decides nothing.

import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { versionOf } from "../lib/version.mjs";

export const name = "floor: canonicalize + SHA-256";
export const version = () => versionOf("canonicalize");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "RFC 8785 + SHA-256", explanation: "none", risk: "no", approval: "none" };
export const decidesNothing = true;

export function prepare() {
  return (call) => createHash("sha256").update(canonicalize(call)).digest("hex");
}
