// The package in a Worker with the engine inside the script.
import * as faramesh from "faramesh/inline";
import { three } from "./three.mjs";

faramesh.createGovernor({ agentId: "agent-1", policy: "rules: []" });

export default {
  async fetch() {
    return Response.json(await three(faramesh));
  },
};
