// The names that a policy itself brings: its tools, and the parameters that it declares or compares.
// They are offered where the schema allows any name.

import type { Mapping, Node } from "./outline.js";

export interface Names {
  /** Every tool that is declared or matched without a glob. */
  tools: Set<string>;
  /** The tools that are declared. */
  declared: Set<string>;
  /** Parameters by the tool that has them; under "" those of all tools. */
  params: Map<string, Set<string>>;
}

const isGlob = (name: string) => /[*?]/.test(name);

/** The value of a key of a mapping. */
export function valueOf(mapping: Mapping, key: string): Node | null {
  return mapping.entries.find((entry) => entry.key.text === key)?.value ?? null;
}

/** The tools that a match names exactly. */
export function toolsOf(match: Mapping): string[] {
  const tool = valueOf(match, "tool");
  const named = tool?.kind === "list" ? tool.items.map(({ value }) => value) : [tool];
  return named.flatMap((one) => (one?.kind === "scalar" && one.text !== "" && !isGlob(one.text) ? [one.text] : []));
}

/** Gathers the names in a whole document; `endings` are the operators with which a parameter's condition may end. */
export function namesIn(root: Node | null, endings: readonly string[]): Names {
  const names: Names = { tools: new Set(), declared: new Set(), params: new Map([["", new Set()]]) };
  if (root?.kind !== "mapping") return names;
  const add = (tool: string, param: string) => {
    if (param === "") return;
    if (!names.params.has(tool)) names.params.set(tool, new Set());
    names.params.get(tool)?.add(param);
    names.params.get("")?.add(param);
  };

  const longestFirst = [...endings].sort((one, other) => other.length - one.length);
  const visit = (node: Node | null, outer: string[]): void => {
    if (node?.kind === "list") for (const { value } of node.items) visit(value, outer);
    if (node?.kind !== "mapping") return;
    const own = toolsOf(node);
    for (const tool of own) names.tools.add(tool);
    // A tool applies to the conditions in the same mapping and to those further inside.
    const tools = own.length > 0 ? own : outer;
    for (const { key, colon, value } of node.entries) {
      const ending = longestFirst.find((one) => key.text.endsWith(one) && key.text.length > one.length);
      if (ending !== undefined && colon !== null) {
        for (const tool of tools.length > 0 ? tools : [""]) add(tool, key.text.slice(0, -ending.length));
      }
      if (key.text === "params" && value?.kind === "mapping") {
        for (const { key: param } of value.entries) for (const tool of tools.length > 0 ? tools : [""]) add(tool, param.text);
      }
      visit(value, tools);
    }
  };

  for (const { key, value } of root.entries) {
    if (key.text !== "tools") {
      visit(value, []);
    } else if (value?.kind === "mapping") {
      for (const { key: tool, value: declaration } of value.entries) {
        names.tools.add(tool.text);
        names.declared.add(tool.text);
        const params = declaration?.kind === "mapping" ? valueOf(declaration, "params") : null;
        if (params?.kind === "mapping") for (const { key: param } of params.entries) add(tool.text, param.text);
      }
    }
  }
  return names;
}
