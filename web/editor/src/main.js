// The page loads this: the editor, and the schema of the language for completion and hover texts.

export * from "./editor.ts";
export { default as policySchema } from "../../../policies/policy.schema.json";
