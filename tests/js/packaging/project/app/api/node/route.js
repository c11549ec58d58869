// The package in a route of Next that runs in Node: the governor is made when the route is loaded, as in the README.
import * as faramesh from "faramesh";
import { three } from "../../../three.mjs";

faramesh.createGovernor({ agentId: "agent-1", policy: "rules: []" });

export const dynamic = "force-dynamic";

export async function GET() {
  return Response.json(await three(faramesh));
}
