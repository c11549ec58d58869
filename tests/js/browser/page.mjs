// The page of a tab, as a user would write it: a governor with its policies and a server behind the page's own origin.
// It sends nothing by hand and cleans up nothing, so its records depend on the package alone.
import { createGovernor, init } from "/node_modules/faramesh/dist/entry/browser.js";

async function open() {
  await init();
  const [policy, apiKey] = await Promise.all(["/policy.yaml", "/api-key"].map(async (path) => (await fetch(path)).text()));
  const [ran, errors] = [[], []];
  const governor = createGovernor({
    agentId: "refund-agent",
    policies: { "policy.yaml": policy },
    server: { url: location.origin, apiKey },
    onDeny: "return",
    onError: (error) => errors.push(error.code),
  });
  const tool = ({ amount }) => ran.push(amount);
  const refund = governor.govern(tool, { tool: "process_refund" });
  return {
    ran,
    errors,
    governor,
    /** Proposes these refunds, one after the other. */
    async refund(...amounts) {
      for (const amount of amounts) await refund({ customer_id: "c-1", amount });
    },
  };
}

globalThis.opened = open().then((tab) => (globalThis.tab = tab));
