// Governed functions as tools of agent frameworks, without `params`: each passes more than the one object.
import { tool as langchainTool } from "@langchain/core/tools";
import { RunContext, tool as openaiTool } from "@openai/agents-core";
import { generateText, stepCountIs, tool as aiTool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { createGovernor } from "faramesh";
import { z } from "zod";

const policy = `
rules:
  - { match: { tool: refund, amount_gt: 1000 }, deny: true }
  - { match: { tool: refund, amount_gte: 0 }, allow: true }
`;
const told = [];
const governor = createGovernor({ agentId: "agent-1", policy, onDeny: "return", onError: ({ code }) => told.push(code) });
const execute = governor.govern(async ({ amount }) => `refunded ${amount}`, { tool: "refund" });
const schema = z.object({ amount: z.number() });
const described = { name: "refund", description: "pays money back" };

async function ai() {
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
  const calls = [45, 5000].map((amount) => ({ type: "tool-call", toolCallId: `call-${amount}`, toolName: "refund", input: JSON.stringify({ amount }) }));
  const turns = [
    { finishReason: { unified: "tool-calls" }, usage, warnings: [], content: calls },
    { finishReason: { unified: "stop" }, usage, warnings: [], content: [{ type: "text", text: "done" }] },
  ];
  const model = new MockLanguageModelV4({ doGenerate: async () => turns.shift() });
  const refund = aiTool({ ...described, inputSchema: schema, execute });
  const { steps } = await generateText({ model, tools: { refund }, prompt: "refund both", stopWhen: stepCountIs(2) });
  return steps[0].toolResults.map(({ output }) => output);
}

async function langchain() {
  const refund = langchainTool(execute, { ...described, schema });
  return [await refund.invoke({ amount: 45 }), await refund.invoke({ amount: 5000 }, { configurable: { thread_id: "t-1" } })];
}

async function openai() {
  const refund = openaiTool({ ...described, parameters: schema, execute });
  return [await refund.invoke(new RunContext({}), '{"amount":45}'), await refund.invoke(new RunContext({}), '{"amount":5000}', { toolCall: { callId: "c-1" } })];
}

const answers = Object.fromEntries(await Promise.all([ai, langchain, openai].map(async (ask) => [ask.name, (await ask()).map((text) => text.split("\n")[0])])));
console.log(JSON.stringify({ answers, told }));
