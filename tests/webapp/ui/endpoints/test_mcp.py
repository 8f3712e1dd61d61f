from __future__ import annotations

import ast
import importlib.util

import anyio
import pytest

from webapp.ui.endpoints import ENDPOINTS

pytestmark = pytest.mark.slow

MCP = True
needs_mcp = pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="the extra mcp is not installed")


@needs_mcp
def test_an_assistant_finds_the_same_tools_and_votes_with_them(served, stock):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    stock(clips=16)

    async def work():
        address = f"{served}/gradio_api/mcp/"
        async with streamable_http_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert {endpoint.name for endpoint in ENDPOINTS} <= set(tools)
            assert "token" in tools["vote"].inputSchema["properties"]
            assert tools["vote"].description.startswith("Vote on a pair.")

            async def call(name, **given):
                answer = await session.call_tool(name, given)
                return answer.isError, answer.content[0].text

            failed, token = await call("new_listener")
            assert not failed, token
            failed, pair = await call("next_pair", token=token)
            assert not failed, pair
            offer = ast.literal_eval(pair)["offer_id"]
            heard = {"heard_left_ms": 4000, "heard_right_ms": 4000}
            failed, voted = await call("vote", token=token, offer_id=offer, outcome="left", **heard)
            assert not failed
            assert "picks" in voted
            failed, words = await call("vote", token=token, offer_id=offer, outcome="right", **heard)
            assert failed
            assert "can't become" in words
            failed, words = await call("next_pair", token="x")
            assert failed
            assert "new_listener" in words

    anyio.run(work)
