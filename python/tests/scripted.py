"""A chat model that says what a test wrote down, so that real agents can be run without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult


class ScriptedModel(BaseChatModel):
    """First calls the tools of the script, all at once, and then repeats the tools' answers."""

    calls: list[tuple[str, dict[str, Any]]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        told = [message for message in messages if message.type == "tool"]
        if told:
            answer = AIMessage("\n".join(str(message.content) for message in told))
        else:
            calls = [
                {"name": name, "args": args, "id": f"call-{index}", "type": "tool_call"}
                for index, (name, args) in enumerate(self.calls)
            ]
            answer = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])
