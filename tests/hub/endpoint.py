"""A small Hub: as much of its HTTP interface as a push and a fetch use, on localhost.

The routes are those that huggingface_hub 2.4 calls with HF_HUB_DISABLE_XET=1: create, model info, validate-yaml,
preupload, LFS batch with basic transfer, commit, and for a fetch revision, tree and resolve.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40


class Hub:
    """Repositories with their visibility and files, and the stored large objects; a context manager.

    A repository whose name ends in ``refused`` takes no large object. ``on_upload`` is called in the middle of the
    upload of one, with its number from 1 on.
    """

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.kinds: dict[str, str] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.uploads: list[str] = []
        self.asked_for_xet = 0
        self.on_upload: Any = lambda number: None
        self.counting = threading.Lock()  # uploads come side by side, and every number must come once
        hub = self

        class Handler(_Handler):
            held = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    held: Hub

    def log_message(self, *_: object) -> None:
        """Silent."""

    def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self) -> None:
        hub, path = self.held, self.path.partition("?")[0]
        if path == "/api/repos/create":
            asked = json.loads(self.body())
            name = f"{asked['organization']}/{asked['name']}"
            fresh = name not in hub.private
            hub.private.setdefault(name, asked.get("visibility") == "private" or bool(asked.get("private")))
            hub.kinds.setdefault(name, asked.get("type") or "model")
            hub.files.setdefault(name, {})
            self.answer({"url": f"{hub.address}/{name}"}, 200 if fresh else 409)
        elif path == "/api/validate-yaml":
            self.body()
            self.answer({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/(?:models|spaces)/(.+)/preupload/main", path):
            rows = []
            for file in json.loads(self.body())["files"]:
                large = file["path"].endswith((".safetensors", ".whl"))
                stored = hub.files[found[1]].get(file["path"])
                oid = stored and (hashlib.sha256(stored).hexdigest() if large else _git_oid(stored))
                rows.append(
                    {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
                    | ({"oid": oid} if oid else {})
                )
            self.answer({"files": rows})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = []
            for one in json.loads(self.body())["objects"]:
                if "refused.git" in path:
                    objects.append(one | {"error": {"code": 403, "message": "your token may not write"}})
                elif one["oid"] in hub.objects:
                    objects.append(one)
                else:
                    objects.append(one | {"actions": {"upload": {"href": f"{hub.address}/objects/{one['oid']}"}}})
            self.answer({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/(?:models|spaces)/(.+)/commit/main", path):
            for line in self.body().splitlines():
                row = json.loads(line)
                value = row["value"]
                if row["key"] == "file":
                    hub.files[found[1]][value["path"]] = base64.b64decode(value["content"])
                elif row["key"] == "deletedFile":
                    hub.files[found[1]].pop(value["path"], None)
                elif row["key"] == "lfsFile":
                    hub.files[found[1]][value["path"]] = hub.objects[value["oid"]]
            self.answer({"commitUrl": f"{hub.address}/{found[1]}/commit/{COMMIT}", "commitOid": COMMIT})
        else:
            self.answer({"error": f"POST {path} is not served"}, 404)

    def do_PUT(self) -> None:
        hub, oid = self.held, self.path.rpartition("/")[2]
        with hub.counting:
            hub.uploads.append(oid)
            number = len(hub.uploads)
        size = int(self.headers["Content-Length"])
        begun = self.rfile.read(size // 2)
        hub.on_upload(number)
        content = begun + self.rfile.read(size - len(begun))
        if len(content) < size:
            self.close_connection = True
        else:
            assert hashlib.sha256(content).hexdigest() == oid
            hub.objects[oid] = content
            self.answer({})

    def do_GET(self) -> None:
        hub, path = self.held, self.path.partition("?")[0]
        hub.asked_for_xet += "/xet-write-token/" in path  # not served: this Hub stores by LFS only
        if found := re.fullmatch(r"/api/(?:models|spaces)/([^/]+/[^/]+)(/revision/.+)?", path):
            if found[1] not in hub.private:
                self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
                return
            files = [{"rfilename": name} for name in sorted(hub.files[found[1]])]
            private = hub.private[found[1]]
            self.answer({"id": found[1], "sha": COMMIT, "private": private, "siblings": files, "tags": []})
        elif found := re.fullmatch(r"/api/(?:models|spaces)/([^/]+/[^/]+)/tree/[^/]+", path):
            self.answer(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": _git_oid(content)}
                    for name, content in sorted(hub.files[found[1]].items())
                ]
            )
        elif (found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)) and (
            found[2] in hub.files.get(found[1], {})
        ):
            content = hub.files[found[1]][found[2]]
            etag = hashlib.sha256(content).hexdigest()
            self.answer(content, headers={"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer({"error": f"GET {path} is not served"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
