"""A model whose every word is scripted, behind a real OpenAI-compatible HTTP server on this machine.

The line's tests run all of Pairsmith as it is, its `openai` engine included; only the model's text is ours.
A prompt of tests/line/prompts begins with a purpose and an entry point, e.g. `SOLVE has_duplicates`; the
server answers with the script's texts for them, in turn, and counts what it was asked.
"""

import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Script = Mapping[tuple[str, str], Sequence[str]]
PURPOSE = re.compile(r"^(SOLVE|TEST|REWRITE) (\w+)", re.MULTILINE)


class ScriptedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.script, self.asked, self.lock = script, Counter(), threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # tests kill stages that are being answered
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class ScriptedHandler(BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "scripted", "object": "model", "max_model_len": 8192}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = "\n".join(message["content"] for message in body["messages"])
        purpose, entry_point = PURPOSE.search(text).groups()
        with self.server.lock:
            self.server.asked[purpose, entry_point] += body.get("n", 1)
        texts = self.server.script.get((purpose, entry_point), ["I do not know."])
        first = (body.get("seed") or 0) % 1024
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": texts[(first + index) % len(texts)]},
                "finish_reason": "stop",
            }
            for index in range(body.get("n", 1))
        ]
        usage = {"prompt_tokens": len(text) // 4, "completion_tokens": sum(map(len, texts)) // 4}
        self._send(
            {"id": "x", "object": "chat.completion", "model": "scripted", "choices": choices, "usage": usage}
        )

    def _send(self, answer: dict) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def scripted_model(script: Script) -> Iterator[ScriptedServer]:
    with ScriptedServer(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
