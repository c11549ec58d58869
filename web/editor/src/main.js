// What the page loads: the editor, and the schema of the language that it completes and explains.

export * from "./editor.ts";
export { default as policySchema } from "../../../policies/policy.schema.json";
