// The package in a bundle for Node, which must not wait at its top where it is CommonJS.
import * as faramesh from "faramesh";
import { three } from "./three.mjs";

faramesh.createGovernor({ agentId: "agent-1", policy: "rules: []" });
three(faramesh).then((told) => console.log(JSON.stringify(told)));
