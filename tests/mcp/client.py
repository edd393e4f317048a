"""The official Python client against our server: lists, calls, reads, completes, cancels.

client.py URL, or client.py COMMAND ARGUMENTS... for stdio.
"""

import asyncio
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp import types
from mcp.client.streamable_http import streamable_http_client


@asynccontextmanager
async def streams(target):
    if target[0].startswith("http"):
        async with streamable_http_client(target[0]) as opened:
            yield opened[0], opened[1]
    else:
        parameters = StdioServerParameters(command=target[0], args=target[1:])
        async with stdio_client(parameters) as opened:
            yield opened[0], opened[1]


async def main(target):
    steps = []

    async def progress(done, total, message):
        steps.append(message)

    async with streams(target) as (read, write), ClientSession(read, write) as session:
        welcome = await session.initialize()
        assert len(welcome.instructions) <= 1024

        tools = (await session.list_tools()).tools
        names = [tool.name for tool in tools]
        assert names == sorted(names) and "investigate" in names, names

        # The client checks structured content against the declared schema.
        result = await session.call_tool("k8s_list", {"kind": "pods"})
        assert not result.is_error and "READY" in result.content[0].text, result
        data = await session.call_tool("k8s_list", {"kind": "pods"}, meta={"stethoscope.dev/payload": "data"})
        assert data.structured_content["data"]["kind"] == "Pod", data
        for tool in ["diagnose", "k8s_overview", "k8s_events", "k8s_changes", "k8s_access"]:
            result = await session.call_tool(tool, {}, meta={"stethoscope.dev/payload": "data"})
            assert not result.is_error and result.structured_content["data"], (tool, result)

        answer = await session.call_tool(
            "investigate", {"question": "why is checkout failing?"}, progress_callback=progress
        )
        assert "service.selector-mismatch" in answer.content[0].text, answer
        assert steps, "there was progress"

        uri = f"evidence://{data.structured_content['evidence']}"
        read_back = await session.read_resource(uri)
        assert "READY" in read_back.contents[0].text, read_back
        listed = await session.list_resources()
        assert listed.next_cursor, "there is a second page"
        second = await session.list_resources(params=types.PaginatedRequestParams(cursor=listed.next_cursor))
        assert second.resources and second.resources[0].uri != listed.resources[0].uri

        prompt = await session.get_prompt("troubleshoot_workload", {"name": "checkout"})
        assert "checkout" in prompt.messages[0].content.text
        completed = await session.complete(
            types.PromptReference(type="ref/prompt", name="troubleshoot_workload"),
            {"name": "namespace", "value": "lan"},
        )
        assert completed.completion.values == ["lantern"], completed

        # A task that is cancelled sends the cancellation; the session must go on.
        call = asyncio.create_task(session.call_tool("investigate", {"question": "why?"}))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        result = await session.call_tool("k8s_overview", {})
        assert not result.is_error, result


asyncio.run(asyncio.wait_for(main(sys.argv[1:]), 120))
