// Correctness before speed: what each peer answers to the samples and to the nasty inputs.

import { load, PEERS } from "./peers.mjs";
import { WORDINGS } from "./policy.mjs";
import { NASTY, SAMPLES } from "./samples.mjs";
import { table } from "./table.mjs";

/** In the policy of 20 the sixteen other rules have to work as well. */
const OTHERS = [
  { name: "tool_15 with 150", expected: "allow", tool: "tool_15", amount: 150 },
  { name: "tool_15 with 151", expected: "deny", tool: "tool_15", amount: 151 },
].map(({ name, expected, tool, amount }) => ({
  name,
  expected,
  make: (number) => ({ ...SAMPLES[0].make(number), tool, params: { amount } }),
}));

/** `text` is decided as text where a peer takes text, and else through `JSON.parse`, as its users do. */
async function answerTo(decide, text) {
  const asText = typeof decide.text === "function";
  try {
    return { asText, answer: await (asText ? decide.text(text) : decide(JSON.parse(text))) };
  } catch (error) {
    return { asText, answer: "error", message: String(error?.message ?? error).split("\n")[0] };
  }
}

/** The answers of all peers, and their faults. */
export async function run({ print, markdown }) {
  const faults = [];
  const peers = [];
  for (const file of PEERS) {
    const peer = await load(file);
    const nasty = {};
    for (const wording of WORDINGS) {
      for (const rules of [4, 20]) {
        const decide = await peer.prepare({ rules, wording });
        for (const { name, expected, make } of rules === 20 ? [...SAMPLES, ...OTHERS] : SAMPLES) {
          const answer = await decide(make(4711));
          if (answer !== expected) {
            faults.push(`${peer.name}, ${wording}, ${rules} rules: ${name} is ${answer}, and ${expected} is right`);
          }
        }
        const answers = [];
        for (const { text } of NASTY) answers.push(await answerTo(decide, text));
        nasty[wording] ??= answers;
        if (answers.some(({ answer }, number) => answer !== nasty[wording][number].answer)) {
          faults.push(`${peer.name}, ${wording}: the policy of ${rules} rules answers the nasty inputs otherwise`);
        }
      }
    }
    peers.push({ peer: file, name: peer.name, version: peer.version(), gives: peer.gives, nasty });
  }

  print("What an answer holds");
  print(
    table(
      ["", "version", "canonical hash", "explanation", "risk", "approval"],
      peers.map(({ name, version, gives }) => [name, version, gives.hash, gives.explanation, gives.risk, gives.approval]),
      { markdown },
    ),
  );
  print(`\nThe samples: ${faults.length === 0 ? `all ${peers.length} give the right answers` : "there are wrong answers"}`);

  // Both ways of calling Cedar answer alike; one column says it, unless they differ.
  const columns = peers.filter(
    ({ peer, nasty }) =>
      peer !== "cedar-stateless" ||
      JSON.stringify(nasty) !== JSON.stringify(peers.find(({ peer }) => peer === "cedar-stateful").nasty),
  );
  for (const wording of WORDINGS) {
    print(`\nThe nasty inputs, policy worded "${wording}"`);
    print("allow! is wrong; allow* is wrong too, but JSON.parse dropped the first amount before the peer was asked");
    const cell = (peer, number) => {
      const { answer, asText } = peer.nasty[wording][number];
      if (answer !== "allow" || !NASTY[number].unsafe) return answer;
      return NASTY[number].lostByParsing && !asText ? "allow*" : "allow!";
    };
    const wronglyAllowed = (peer) => NASTY.filter((_, number) => cell(peer, number) === "allow!").length;
    print(
      table(
        ["", ...columns.map(({ name }) => name.replace(", stateful", ""))],
        [
          ...NASTY.map(({ name }, number) => [name, ...columns.map((peer) => cell(peer, number))]),
          ["wrongly allowed", ...columns.map(wronglyAllowed)],
        ],
        { markdown },
      ),
    );
    const ours = wronglyAllowed(peers[0]);
    if (ours > 0) faults.push(`${peers[0].name}, ${wording}: ${ours} nasty inputs are allowed`);
  }
  return { faults, result: { peers, inputs: NASTY.map(({ name, text, unsafe }) => ({ name, text, unsafe })) } };
}
