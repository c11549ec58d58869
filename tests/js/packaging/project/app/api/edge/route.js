// The same on Vercel's edge runtime.
import * as faramesh from "faramesh";
import { three } from "../../../three.mjs";

faramesh.createGovernor({ agentId: "agent-1", policy: "rules: []" });

export const runtime = "edge";

export async function GET() {
  return Response.json(await three(faramesh));
}
