"""The objects that agent frameworks pass to tools with the model's arguments: recognized by type, never by name.

No model can make an object of these types, so leaving them out of an action hides nothing that a model said. The types
are told by their qualified names, so that none of the frameworks is imported here.
"""

from __future__ import annotations

from typing import Final

_CONTEXTS: Final = frozenset(
    {
        # OpenAI Agents
        ("agents.run_context", "RunContextWrapper"),
        ("agents.tool_context", "ToolContext"),
        # pydantic-ai
        ("pydantic_ai", "RunContext"),
        # MCP
        ("mcp.server", "Context"),
        ("mcp.server", "ServerRequestContext"),
        ("mcp.shared", "RequestContext"),
        ("fastmcp", "Context"),
        # LangChain and LangGraph
        ("langchain_core.callbacks", "BaseCallbackManager"),
        ("langchain_core.callbacks", "BaseRunManager"),
        ("langchain_core.tools", "_DirectlyInjectedToolArg"),
        ("langgraph.runtime", "Runtime"),
        ("langgraph.store", "BaseStore"),
        # LlamaIndex
        ("workflows.context.context", "Context"),
        ("llama_index.core.workflow", "Context"),
        # Google ADK
        ("google.adk", "Context"),
        ("google.adk", "InvocationContext"),
        ("google.adk", "ReadonlyContext"),
        ("google.adk", "ToolContext"),
        # AutoGen, AG2 and the Microsoft Agent Framework
        ("autogen_core", "CancellationToken"),
        ("autogen_core", "MessageContext"),
        ("ag2", "Context"),
        ("agent_framework", "FunctionInvocationContext"),
        # Others
        ("agno.run", "RunContext"),
        ("livekit.agents", "RunContext"),
        ("strands.types.tools", "ToolContext"),
    }
)
"""A package, or a module of it, and the name of a class that it or a module within defines."""


def is_context(value: object) -> bool:
    """Whether a value is what a framework hands to a tool, and no argument of the call."""
    return any(_is_known(base) for base in type(value).__mro__)


def _is_known(base: type) -> bool:
    name, module = base.__name__, base.__module__
    if name not in _NAMES or not isinstance(module, str):
        return False
    parts = module.split(".")
    return any((".".join(parts[:length]), name) in _CONTEXTS for length in range(1, len(parts) + 1))


_NAMES: Final = frozenset(name for _, name in _CONTEXTS)
