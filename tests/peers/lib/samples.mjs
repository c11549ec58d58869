// The inputs of the comparison: the eight samples on which all must agree, and the nasty ones.
// It states the answers that a careful owner of the policy would expect; it calls no engine.

/** One tool call as an agent's framework hands it over, about 240 bytes of JSON. */
function refund(amount, number) {
  const id = String(number).padStart(8, "0");
  return {
    agent_id: "support-agent-prod",
    tool: "stripe.refund",
    operation: "call",
    params: {
      amount,
      charge: `ch_3PqT${id}`,
      currency: "usd",
      customer_id: `cus_${id}`,
      reason: "requested_by_customer",
    },
    context: { session: `s-${id}` },
  };
}

function email(number) {
  const id = String(number).padStart(8, "0");
  return {
    agent_id: "support-agent-prod",
    tool: "email.send",
    operation: "call",
    params: { to: `customer-${id}@example.com`, subject: "Your refund", body: "It is on its way, thank you for waiting" },
    context: { session: `s-${id}` },
  };
}

function unknown(number) {
  return { ...email(number), tool: "db.drop", params: { table: "customers" } };
}

/** The eight samples: the call, and the right answer. */
export const SAMPLES = [
  { name: "refund of 100", expected: "allow", make: (number) => refund(100, number) },
  { name: "refund of 150", expected: "allow", make: (number) => refund(150, number) },
  { name: "refund of 151", expected: "approval", make: (number) => refund(151, number) },
  { name: "refund of 700", expected: "approval", make: (number) => refund(700, number) },
  { name: "refund of 1000", expected: "approval", make: (number) => refund(1000, number) },
  { name: "refund of 5000", expected: "deny", make: (number) => refund(5000, number) },
  { name: "an email", expected: "allow", make: (number) => email(number) },
  { name: "an unknown tool", expected: "deny", make: (number) => unknown(number) },
];

/**
 * `count` different tool calls that cycle through the samples.
 * They are parsed from text as a framework parses a model's answer, so no call can profit from an object or a string
 * that was seen before.
 */
export function toolCalls(count) {
  return Array.from({ length: count }, (_, number) =>
    JSON.parse(JSON.stringify(SAMPLES[number % SAMPLES.length].make(number))),
  );
}

/** A refund as JSON text, with `amount` as the member's own text; an empty one leaves the member out. */
function refundText(amount, tool = "stripe.refund") {
  return JSON.stringify(refund("AMOUNT", 4711))
    .replace('"stripe.refund"', JSON.stringify(tool))
    .replace('"amount":"AMOUNT",', amount === "" ? "" : `"amount":${amount},`);
}

/**
 * The twelve nasty inputs, two of them in two spellings.
 *
 * `unsafe` means that the answer `allow` is wrong: the amount is missing, malformed or above 150, or the tool is another.
 * A negative amount is within "up to 150", so the policy allows it.
 * The text is the input of a model or an attacker; engines that take objects get the output of `JSON.parse`, and if that
 * loses the fault (`lostByParsing`), the answer is not held against a peer.
 */
export const NASTY = [
  { name: "amount missing", unsafe: true, text: refundText("") },
  { name: "amount null", unsafe: true, text: refundText("null") },
  { name: 'amount "150"', unsafe: true, text: refundText('"150"') },
  { name: 'amount "1e9"', unsafe: true, text: refundText('"1e9"') },
  { name: "amount 150.005", unsafe: true, text: refundText("150.005") },
  { name: "amount -1", unsafe: false, text: refundText("-1") },
  { name: "amount 1e20", unsafe: true, text: refundText("1e20") },
  { name: "amount 9007199254740993", unsafe: true, text: refundText("9007199254740993") },
  { name: 'amount "NaN"', unsafe: true, text: refundText('"NaN"') },
  { name: "amount 5000, then amount 100", unsafe: true, lostByParsing: true, text: refundText('5000,"amount":100') },
  { name: "amount [100]", unsafe: true, text: refundText("[100]") },
  { name: 'amount {"value":100}', unsafe: true, text: refundText('{"value":100}') },
  { name: "a space after the tool's name", unsafe: true, text: refundText("100", "stripe.refund ") },
  { name: "a full-width letter in the tool's name", unsafe: true, text: refundText("100", "stripe.ｒefund") },
];
