// The suggestions at each place, by the outline of a text and the walk over a schema, without any page. The bar in a
// text marks the cursor.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { outline } from "../src/outline.js";
import { placeAt } from "../src/place.js";
import { SchemaWalk } from "../src/schema.js";
import { type Suggestion, suggest } from "../src/suggest.js";
import { root } from "./support/root.js";

const own = new SchemaWalk(JSON.parse(readFileSync(join(root, "test/support/schema.json"), "utf8")));
const real = new SchemaWalk(JSON.parse(readFileSync(join(root, "../../policies/policy.schema.json"), "utf8")));

function asked(marked: string, walk: SchemaWalk = own) {
  const offset = marked.indexOf("|");
  assert.notEqual(offset, -1, "the text has a bar");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  return { text, offset, found: suggest(walk, text, outline(text), offset) };
}

const labels = (marked: string, walk: SchemaWalk = own) => asked(marked, walk).found?.list.map(({ label }) => label) ?? null;

/** The text after the suggestion called `label` was taken, with a bar at the cursor. */
function taken(marked: string, label: string, walk: SchemaWalk = own): string {
  const { text, found } = asked(marked, walk);
  const one = found?.list.find((suggestion: Suggestion) => suggestion.label === label);
  assert.ok(found && one, `\`${label}\` is among ${JSON.stringify(found?.list.map((other) => other.label))}`);
  const inserted = `${one.insert.slice(0, one.cursor)}|${one.insert.slice(one.cursor)}`;
  return text.slice(0, found.from) + inserted + text.slice(found.to);
}

/** The place at the bar: the path, and whether it is a key or a value. */
function place(marked: string): string | null {
  const offset = marked.indexOf("|");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  const found = placeAt(text, outline(text), offset);
  if (found === null) return null;
  const token = found.kind === "key" ? found.entry?.key.text : found.scalar?.text;
  return `${found.kind} ${["", ...found.path].join("/")}${token === undefined ? "" : ` ${token}`}`;
}

test("a place is found in block style", () => {
  const places: [string, string | null][] = [
    ["|", "value "],
    ["ver|", "value  ver"],
    ["version: 1\nru|", "key  ru"],
    ["ru|\nversion: 1\n", "key  ru"],
    ["rules:\n  |", "value /rules"],
    ["rules:\n  - |", "value /rules/0"],
    ["rules:\n  - ma|", "value /rules/0 ma"],
    ["rules:\n  - id: a\n    |", "key /rules/0"],
    ["rules:\n  - id: a\n    al|\n    deny: true\n", "key /rules/0 al"],
    ["rules:\n  - al|\n    deny: true\n", "key /rules/0 al"],
    ["rules:\n- id: a\n- |", "value /rules/1"],
    ["rules:\n- id: a\n  |", "key /rules/0"],
    ["rules:\n- id: a\n|", "key "],
    ["rules:\n  - match:\n      |\n    allow: true\n", "value /rules/0/match"],
    ["rules:\n  - match:\n      am|\n      tool: x\n    allow: true\n", "key /rules/0/match am"],
    ["rules:\n  - match:\n      tool: x\n      |\n    allow: true\n", "key /rules/0/match"],
    ["rules:\n  - match:\n      tool: x\n\n    |\n  - id: b\n", "key /rules/0"],
    ["rules:\n  - match:\n      |\n      tool: x\n", "key /rules/0/match"],
    ["mode: |", "value /mode"],
    ["mode:|", null],
    ["mode: sh|\nrules: []\n", "value /mode sh"],
    ["mode: 'sh|", "value /mode sh"],
    ["mode: sh # |", null],
    ["# |", null],
    ["mode: # |", null],
    ["a: b|: c", "value /a b: c"],
    ["name: x\n  mo|", "value /name x\n  mo"],
    ["'na|me': x", "key  name"],
    ["a: &x b|", "value /a b"],
    ["a: !t\n  b|: 1", "key /a b"],
    ["%YAML 1.2\n---\nmo|: 1", "key  mo"],
    ["a: 1\r\nmo|: 1\r\n", "key  mo"],
    ["rules:\n  - - |", "value /rules/0/0"],
  ];
  for (const [marked, expected] of places) assert.equal(place(marked), expected, JSON.stringify(marked));
  assert.equal(place("a: >\n  text |\n"), null, "nothing stands in a text of several lines");
  const literal = "a: |\n  text here\nb: 1\n";
  assert.equal(placeAt(literal, outline(literal), literal.indexOf("here")), null);
});

test("a place is found between brackets", () => {
  const places: [string, string | null][] = [
    ["rules: [|]", "value /rules/0"],
    ["rules: [{|}]", "key /rules/0"],
    ["rules: [{ id: a }, { ma|", "key /rules/1 ma"],
    ["rules:\n  - match: { amount_| }\n    allow: true\n", "key /rules/0/match amount_"],
    ["rules:\n  - match: { amount_|\n    allow: true\n", "key /rules/0/match amount_"],
    ["rules:\n  - match: { tool: x, |\n    allow: true\n", "key /rules/0/match"],
    ["rules:\n  - match: { tool: | }\n", "value /rules/0/match/tool"],
    ["rules:\n  - match: { tool: |, op: a }\n", "value /rules/0/match/tool"],
    ["rules:\n  - match: { tool: x | }\n", null],
    ["rules:\n  - match: { tool: [a, |] }\n", "value /rules/0/match/tool/1"],
    ["rules:\n  - match: { tool: [a, b|\n    allow: true\n", "value /rules/0/match/tool/1 b"],
    ["rules:\n  - match: { tool: \"pro|\n    allow: true\n", "value /rules/0/match/tool pro"],
    ["rules:\n  - match: {\n      tool: x,\n      |\n    }\n    allow: true\n", "key /rules/0/match"],
    ["rules:\n  - match: { any: [{ method: | }] }\n", "value /rules/0/match/any/0/method"],
    ["rules:\n  - match: { any: [ method: | ] }\n", "value /rules/0/match/any/0/method"],
    ["rules:\n  - match: { tool: x } |\n", null],
    ["rules:\n  - match: { # tool |\n", null],
    ["rules:\n  - match: { tool: [a }\n    al|\n", "key /rules/0 al"],
    ["rules:\n  - match: { tool: x\n    allow: |\n", "value /rules/0/allow"],
    ["rules:\n  - match: { tool: x\n  - id: |\n", "value /rules/1/id"],
    ['rules:\n  - match: { "items[].p|": 1 }\n', "key /rules/0/match items[].p"],
  ];
  for (const [marked, expected] of places) assert.equal(place(marked), expected, JSON.stringify(marked));
});

test("keys are those of the schema that are not there yet", () => {
  assert.deepEqual(labels("version: 1\n|"), ["name", "mode", "agents", "tools", "rules", "risk"]);
  assert.deepEqual(labels("rules:\n  - id: a\n    allow: true\n    |")?.slice(0, 1), ["match"], "what is needed comes first");
  assert.ok(!labels("rules:\n  - id: a\n    allow: true\n    |")?.includes("allow"));
  assert.ok(labels("tools:\n  t:\n    params:\n      p:\n        items:\n          |")?.includes("min"), "through references");
  assert.deepEqual(labels("rules:\n  - match: { time: { | } }"), ["days", "from"]);
  assert.deepEqual(labels("rules:\n  - match: { not: { any: [{ time: { fr| } }] } }"), ["days", "from"]);
  assert.deepEqual(labels("rules:\n  - require_approval:\n      |"), ["true", "approvers", "roles", "expires"]);
  assert.deepEqual(labels("nothing:\n  known: |"), []);
});

test("conditions are offered by parameter and by operator", () => {
  const start = "tools: { refund: { params: { amount: { type: number } } } }\nrules:\n";
  const known = labels(`${start}  - match: { tool: refund, | }`);
  assert.ok(known?.includes("amount_") && known.includes("method") && !known.includes("amount_gt"), String(known));
  const operators = ["amount_eq", "amount_gt", "amount_in", "amount_not_in", "amount_len_gt", "amount_exists"];
  assert.deepEqual(labels(`${start}  - match: { amount_| }`)?.slice(0, 6), operators);
  assert.deepEqual(labels(`${start}  - match:\n      tool: refund\n      amount_|\n    allow: true\n`)?.slice(0, 6), operators);
  assert.deepEqual(labels("rules:\n  - match: { unheard_of_l| }")?.slice(0, 1), ["unheard_of_len_gt"]);
  assert.ok(labels("rules:\n  - match: { unheard| }")?.includes("unheard_exists"));
  const nested = `${start}  - match: { tool: other, to_eq: 1 }\n  - match: { tool: refund, not: { | } }`;
  assert.ok(labels(nested)?.includes("amount_") && !labels(nested)?.includes("to_"), "the tool outside names the parameters");
});

test("values are those that the schema names, and the document's own tools", () => {
  assert.deepEqual(labels("mode: |"), ["enforce", "shadow"]);
  assert.deepEqual(labels("risk:\n  rules:\n    - risk_level: |"), ["low", "medium", "high", "critical"]);
  assert.deepEqual(labels("risk: { require_approval_at: | }"), ["low", "medium", "high", "critical", "never"]);
  assert.deepEqual(labels("rules:\n  - match: { time: { days: [mon, |] } }"), ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
  assert.deepEqual(labels("rules:\n  - match: { tool: | }\n  - match: { tool: [refund, 'x*'] }"), ["refund", "[ ]"]);
  assert.deepEqual(labels("rules:\n  - match: { method: | }"), ["GET", "POST"]);
  assert.deepEqual(labels("rules:\n  - allow: |"), ["true"]);
});

test("what is typed fits the place", () => {
  assert.equal(taken("ru|", "rules"), "rules:\n  - |");
  assert.equal(taken("rules:\n  - ma|", "match"), "rules:\n  - match:\n      |");
  assert.equal(taken("rules: [{ ma| }]", "match"), "rules: [{ match: { | } }]");
  assert.equal(taken("rules:\n  - id: a\n    all|", "allow"), "rules:\n  - id: a\n    allow: true|");
  assert.equal(taken("rules:\n  - match: { amount_l| }", "amount_len_gt"), "rules:\n  - match: { amount_len_gt: | }");
  assert.equal(taken("rules:\n  - match: { amount_l|x: 5 }", "amount_len_gt"), "rules:\n  - match: { amount_len_gt|: 5 }");
  assert.equal(taken("mode: sh|", "shadow"), "mode: shadow|");
  assert.equal(taken("mode: 'sh|'", "shadow"), "mode: 'shadow|'");
  assert.equal(taken("tools: { t: { params: { p: { type: | } } } }", "null"), 'tools: { t: { params: { p: { type: "null"| } } } }');
  assert.equal(taken("rules:\n  - match: |", "{ }"), "rules:\n  - match: { | }");
  assert.equal(taken("rules:\n  - match:\n      time:\n        da|", "days"), "rules:\n  - match:\n      time:\n        days: [|]");
});

test("the schema says of a key what it is", () => {
  const about = (path: (string | number)[], key: string) => own.about(own.child(own.at(path), key));
  assert.match(about(["rules", 0], "match").description ?? "", /of which all must hold/, "beside a reference");
  assert.deepEqual(about(["risk", "rules", 0], "risk_level").values, ["low", "medium", "high", "critical"]);
  assert.equal(about(["rules", 3, "match"], "body_len_gt").title, "Longer", "the longest operator");
  assert.deepEqual(about(["rules", 0, "match"], "tool").kinds, ["text", "list"]);
  assert.equal(about([], "nothing").description, null);
});

test("the real schema leads everywhere", () => {
  const rule = "rules:\n  - match: { tool: process_refund, amount_lte: 150 }\n    allow: true\n";
  assert.ok(!labels(`${rule}    |`, real)?.some((label) => label === "deny" || label === "require_approval"), "one effect is there");
  assert.deepEqual(labels("rules:\n  - match: { field: a, | }", real)?.[0], "value", "a field needs its value");
  assert.ok(!labels("rules:\n  - match: { operation: a, | }", real)?.includes("op"), "one name for one thing");
  const operators = labels("rules:\n  - match: { amount_| }", real)?.filter((label) => label.startsWith("amount_"));
  assert.equal(operators?.length, 45);
  assert.deepEqual(operators?.slice(0, 5), ["amount_eq", "amount_gt", "amount_gte", "amount_lt", "amount_lte"]);
  assert.deepEqual(labels("rules:\n  - match: { params: { a: { | } } }", real)?.includes("starts_with"), true);
  assert.deepEqual(labels("mode: |", real), ["enforce", "shadow"]);
  const sample = readFileSync(join(root, "../../policies/support-agent.yaml"), "utf8");
  const tree = outline(sample);
  for (const [, key] of sample.matchAll(/^[ -]*([a-z_]+):/gm)) {
    const place = placeAt(sample, tree, sample.indexOf(`${key}:`));
    assert.equal(place?.kind, "key", key);
    assert.ok(place && real.about(real.child(real.at(place.path), key ?? "")).description, `something is said of \`${key}\``);
  }
});

test("no text is too broken or too deep", () => {
  const sample = readFileSync(join(root, "../../policies/support-agent.yaml"), "utf8");
  for (let end = 0; end <= sample.length; end += 1) {
    const text = sample.slice(0, end);
    suggest(real, text, outline(text), end);
  }
  for (const piece of ["[", "{", "- ", "a: [", "{a: ", "- a:\n ", '"', "'", "|\n", "]", "}", ":", "&a ", "? ", "a:\n", "\t"]) {
    const text = piece.repeat(3000);
    suggest(real, text, outline(text), text.length);
  }
});

test("a policy as long as one may be is read at once", () => {
  const rule = "  - id: rule\n    match: { tool: refund, amount_gt: 5, body_matches: 'a b c' }\n    deny: true # never\n";
  const text = `rules:\n${rule.repeat(Math.floor((1 << 20) / rule.length))}  - match: { amount_`;
  // Time of the processor and not of the clock: the machine may be doing other things.
  const start = process.cpuUsage();
  const found = suggest(real, text, outline(text), text.length);
  const { user, system } = process.cpuUsage(start);
  assert.equal(found?.list[0]?.label, "amount_eq");
  const took = (user + system) / 1000;
  assert.ok(took < 1000, `${took} ms`);
});
