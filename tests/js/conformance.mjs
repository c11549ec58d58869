// The corpus through the engine module on any JavaScript host: the same bytes as from the native engine.
//
// It is pure: cases and engines in, a tally out, so that Node, workerd and a browser run this very file.
// The expectations of the cases are checked natively (tests/tests/it/native.rs); here the native answer counts.

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

const decoded = (policies) => policies.map(({ name, base64 }) => ({ name, bytes: bytes(base64) }));

function differs(what, expected, found) {
  return expected === found ? [] : [`${what}: expected ${expected}\n    ${what}:    found ${found}`];
}

/** Loads policies that have a handle, or returns the other answer. */
export function loadPolicies(engine, policies) {
  const text = engine.load(decoded(policies));
  const { handle, policy_hash } = JSON.parse(text);
  if (!Number.isInteger(handle)) {
    throw new Error(`the policies do not load: ${text}`);
  }
  return { handle, policy_hash };
}

/** The differences between a decision and `expected`, asked with the bytes of `given`. */
export function decisionDifferences(engine, handle, given) {
  const found = engine.decide(handle, bytes(given.action_base64), bytes(given.state_base64));
  return differs("decision", engine.written(given.expected), found);
}

const compare = {
  decide(engine, given) {
    const { handle, policy_hash } = loadPolicies(engine, given.policies);
    const differences = [
      ...decisionDifferences(engine, handle, given),
      ...differs("policy_hash", given.expected.policy_hash, policy_hash),
    ];
    return engine.unload(handle) ? differences : [...differences, "the policies were not there to unload"];
  },

  canonical(engine, given) {
    const { canonical, request_hash } = given.expected;
    const expected = `{"canonical":${canonical},"request_hash":"${request_hash}"}`;
    return differs("answer", expected, engine.canonicalize(bytes(given.action_base64)));
  },

  diagnostics(engine, given) {
    const text = engine.load(decoded(given.policies));
    const { handle, policy_hash } = JSON.parse(text);
    // The keys are in order, so the text begins with the diagnostics, and they are compared as printed.
    const expected = `{"diagnostics":${given.expected.diagnostics},"files":[`;
    const differences = [
      ...differs("diagnostics", expected, text.slice(0, expected.length)),
      ...differs("policy_hash", given.expected.policy_hash, policy_hash),
      ...differs("loads", String(given.expected.loads), String(handle !== null)),
    ];
    const gone = handle === null || engine.unload(handle);
    return gone ? differences : [...differences, "the policies were not there to unload"];
  },
};

/**
 * Asks every engine every case. The engines are interfaces of one module, so a case counts as compared when all of
 * them were asked.
 */
export function conformance(host, cases, engines) {
  const tally = { host, compared: {}, cannot: [], differences: [] };
  for (const given of cases) {
    const { folder, name } = given;
    (tally.compared[folder] ??= []).push(name);
    for (const engine of engines) {
      let told;
      try {
        told = compare[folder](engine, given);
      } catch (error) {
        told = [String(error)];
      }
      if (told.length > 0) {
        tally.differences.push({ folder, name, told: `${engine.name}: ${told.join("\n    ")}` });
      }
    }
  }
  return tally;
}
