"""An assistant goes round the loop: the SDK's own client starts `nextlabel mcp` and calls its tools on a real stack."""

from __future__ import annotations

import asyncio
import csv
import re
import sys

import mcp
import pytest

from nextlabel.client.http import AsyncClient
from nextlabel.client.mcp_server import server
from nextlabel.core.kinds.registry import KINDS
from nextlabel.core.tasks.classification import read_labels

pytestmark = pytest.mark.e2e


def as_assistant(stack, talk):
    """Start the server as an assistant's host does, and let `talk` call its tools."""

    async def meet():
        command = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "nextlabel.client.main", "mcp", "--url", stack.url]
        )
        async with mcp.Client(command) as client:
            return await talk(client)

    return asyncio.run(meet())


def text_of(answer) -> str:
    return "\n".join(block.text for block in answer.content if block.type == "text")


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(text_of(answer).split("\n\n")[0].partition("Rows ")[2].splitlines()[1:]))


def test_an_assistant_goes_round_the_loop_by_tools_alone(stack, data):
    answers = read_labels(data / "answers.txt").classes_by_name
    pool, labels = str(data / "pool"), str(data / "by_assistant")
    told = []

    async def progress(done, total, message):
        told.append(message)

    async def talk(client):
        asked = {"backbone": "descriptor", "path_to_img": pool, "wait_s": 100}
        for _ in range(2):
            batch = await client.call_tool("select", {**asked, "add": 30}, progress_callback=progress)
            assert not batch.is_error, text_of(batch)
            assert "Rows 1 to 20 of 30. Call `result` with after=20 for more." in text_of(batch)
            job_id = re.search(r"job_\w+", text_of(batch)).group()
            rest = await client.call_tool("result", {"job_id": job_id, "after": 20})
            names = [row["name"] for row in [*rows_of(batch), *rows_of(rest)]]
            assert len(set(names)) == 30
            seen = await client.call_tool("show_images", {"path_to_img": pool, "names": names[:2]})
            assert [block.type for block in seen.content] == ["text", "image"] * 2
            given = {"path_to_labels": labels, "labels": {name: answers[name] for name in names}}
            written = await client.call_tool("give_labels", given)
            assert "written to assistant.txt" in text_of(written)
            asked["path_to_labels"] = labels
        counted = await client.call_tool("labels", {"path_to_labels": labels, "path_to_img": pool})
        assert text_of(counted).startswith("60 images are labelled.\nBy class: 0 ")
        curve = await client.call_tool("learning_curve", asked)
        assert not curve.is_error, text_of(curve)
        return text_of(await client.call_tool("jobs", {"limit": 3}))

    listed = as_assistant(stack, talk).splitlines()
    assert [line.split()[1:] for line in listed] == [
        ["learning_curve", "succeeded"], ["selection", "succeeded"], ["selection", "succeeded"],
    ]  # fmt: skip
    assert told[0] == "queued until a worker is free"


def test_what_is_refused_comes_with_its_remedy_and_a_job_that_takes_longer_can_be_waited_for(stack, data):
    async def talk(client):
        unknown = await client.call_tool("select", {"path_to_img": "pool", "add": 0, "method": "best"})
        assert unknown.is_error
        assert "/add: " in text_of(unknown)
        assert "margin" in text_of(unknown)  # what there is instead
        wrong = await client.call_tool("wait", {"job": "job_1"})
        assert wrong.is_error
        assert "/job_id: " in text_of(wrong)
        nobody = await client.call_tool("cancel", {"job_id": "job_nobody"})
        assert nobody.is_error
        begun = await client.call_tool("embed", {"path_to_img": "pool", "backbone": "descriptor", "wait_s": 0})
        assert "Call `wait` with it" in text_of(begun)
        job_id = re.search(r"job_\w+", text_of(begun)).group()
        return text_of(await client.call_tool("wait", {"job_id": job_id, "wait_s": 100}))

    assert "embedding:" in as_assistant(stack, talk)


def test_every_kind_is_a_tool_with_the_fields_of_its_request():
    async def listed():
        async with AsyncClient() as ours, mcp.Client(server(ours)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    for kind in KINDS.values():
        schema = tools[kind.call].input_schema
        assert {*schema["properties"]} == {*kind.request.model_fields, "wait_s"} - {"kind"}
        assert set(schema.get("required", ())) == {
            name for name, field in kind.request.model_fields.items() if field.is_required()
        }
    assert all(tool.description for tool in tools.values())
