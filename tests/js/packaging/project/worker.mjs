// The package in a Worker: the engine is there at module scope, and the first request decides.
import * as faramesh from "faramesh";
import { three } from "./three.mjs";

faramesh.createGovernor({ agentId: "agent-1", policy: "rules: []" });

export default {
  async fetch() {
    return Response.json(await three(faramesh));
  },
};
