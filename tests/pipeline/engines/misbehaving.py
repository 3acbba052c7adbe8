"""A real HTTP server on loopback that speaks the OpenAI protocol, and misbehaves as it is told.

`script(prompt, times)` says what to do with a prompt that comes in for the times-th time (0 is the first):
OK, a status code, or one of the words below.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

OK, HANG, HALF_CLOSED, GARBAGE, BINARY, EMPTY_CHOICES, FEWER, NO_CHOICES, DRIP = [
    "ok",
    "hang",
    "half-closed",
    "garbage",
    "binary",
    "empty-choices",
    "fewer",
    "no-choices",
    "drip",
]
Script = Callable[[str, int], str | int]


def completion_text(prompt: str, seed: int) -> str:
    """What a well-behaved server answers: a function of prompt and seed."""
    return f"{prompt[-40:]} -> {seed}"


class Misbehaving:
    """`asked` counts how often a prompt came in, `answered` how often it was given a whole answer."""

    def __init__(self, script: Script, text: Callable[[str, int], str] = completion_text) -> None:
        self.script, self.text = script, text
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.bodies: list[dict] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith("GET"):
            return await self._send(writer, 200, {"data": []})
        length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
        asked = json.loads(await reader.readexactly(length))
        prompt = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
        self.bodies.append(asked)
        action = self.script(prompt, self.asked[prompt])
        self.asked[prompt] += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            return await self._act(action, asked, prompt, writer)
        finally:
            self.at_once -= 1

    async def _act(self, action, asked: dict, prompt: str, writer: asyncio.StreamWriter) -> bool:
        if isinstance(action, int):
            return await self._send(writer, action, {"error": {"message": f"a {action}, as told"}})
        if action == HANG:
            await asyncio.sleep(1000)
        if action == HALF_CLOSED:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"choices": [')
            await writer.drain()
            return False
        if action == DRIP:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            for _ in range(5000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        if action in (GARBAGE, BINARY):
            return await self._send(writer, 200, b"<html>busy</html>" if action == GARBAGE else b'"\xff\xfe')
        return await self._answer(action, asked, prompt, writer)

    async def _answer(self, action: str, asked: dict, prompt: str, writer: asyncio.StreamWriter) -> bool:
        if action in (EMPTY_CHOICES, NO_CHOICES):
            return await self._send(writer, 200, {"choices": []} if action == EMPTY_CHOICES else {"id": "x"})
        n = 1 if action == FEWER else asked["n"]
        texts = [self.text(prompt, asked.get("seed", 0) + index) for index in range(n)]
        key = (lambda t: {"text": t}) if "prompt" in asked else (lambda t: {"message": {"content": t}})
        choices = [{"index": i, "finish_reason": "stop", **key(text)} for i, text in enumerate(texts)]
        await asyncio.sleep(0.002)
        self.answered[prompt] += n
        usage = {"prompt_tokens": 7, "completion_tokens": 5 * n}
        return await self._send(writer, 200, {"choices": choices, "usage": usage})

    async def _send(self, writer: asyncio.StreamWriter, status: int, content) -> bool:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        await writer.drain()
        return True


@contextmanager
def serving(behaviour: Misbehaving, port: int = 0):
    """The base URL of a server that behaves so, while the block runs."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(behaviour.serve, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
