"""Named endpoints with typed results, for gradio_client, for MCP and for anything that speaks HTTP."""

from __future__ import annotations

import importlib.util
import threading
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from deepfake_hf import DetectionResult
from deepfake_hf.report.schema import result_schema
from deepfake_hf.scoring.decision import parse_threshold
from space.batch import unpack
from space.engine import Choice, Workshop, told, write_downloads
from space.shared import Shared

_FETCH_S = 120.0  # written files stay this long for the caller to fetch
_TABLE = """from gradio_client import Client, handle_file

client = Client("{address}")
result = client.predict(handle_file("clip.mp4"), api_name="/detect")
print(result["status"], result["verdict"], result["p_fake"], result["reason"])
page, record = client.predict(handle_file("clip.mp4"), api_name="/report")"""


def mcp_is_there() -> bool:
    """Whether the package ``mcp`` is installed."""
    return importlib.util.find_spec("mcp") is not None


class Programs:
    """What the endpoints do. Errors become sentences; every upload of a call is read once and not kept by us."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def detect(self, file: str, threshold: str = "fpr1") -> dict[str, Any]:
        """Tell whether a video, a picture or a sound file of speech is genuine or a deepfake.

        Args:
            file: the video, picture or sound file.
            threshold: fpr1 (strict), fpr5 (sensitive), or a number such as 0.9: called fake from that P(fake).

        Returns:
            status, verdict (real, fake, uncertain or null), calibrated p_fake, reason, every face, window and stretch.
        """
        choice = self._choice(threshold)
        return self._said(file, lambda: answer(self._shared.engine.detect(file, choice)))  # type: ignore[no-any-return]

    def detect_batch(self, files: list[str], threshold: str = "fpr1") -> list[dict[str, Any]]:
        """Tell for several files, or for the files in a zip, which are genuine and which are deepfakes.

        Args:
            files: videos, pictures, sound files or zips of them.
            threshold: as for detect.

        Returns:
            One result for each file, as detect gives it; a broken file has a status and a reason.
        """
        choice, workshop = self._choice(threshold), Workshop()
        try:
            found = self._said("", lambda: unpack(files or [], workshop.path, self._shared.engine.limits))
            return [
                self._said(path, lambda p=path, n=name: answer(self._shared.engine.detect(p, choice), n))
                for path, name in found
            ]
        finally:
            workshop.close()

    def report(self, file: str, threshold: str = "fpr1") -> tuple[str, str]:
        """Write the full report on one file: verdict, reasons, limits, timeline, faces and other evidence.

        Args:
            file: the video, picture or sound file.
            threshold: as for detect.

        Returns:
            The report as one HTML page, and its record as JSON.
        """
        choice, workshop = self._choice(threshold), self._brief_workshop()

        def work() -> tuple[str, str]:
            examined = self._shared.engine.examine(file, choice, lambda share, what: None, lambda result: None)
            page, record = write_downloads(examined, workshop.path)
            return str(page), str(record)

        return self._said(file, work)  # type: ignore[no-any-return]

    def annotate(self, file: str, threshold: str = "fpr1") -> str:
        """Draw the verdict of every face into a video.

        Args:
            file: the video.
            threshold: as for detect.

        Returns:
            The video with boxes and a strip of scores.
        """
        choice, workshop = self._choice(threshold), self._brief_workshop()
        out = workshop.path / f"{Path(file).stem}.annotated.mp4"

        def work() -> str:
            result = self._shared.engine.detect(file, choice)
            self._shared.engine.annotate(file, result, choice, out, lambda share, what: None)
            return str(out)

        return self._said(file, work)  # type: ignore[no-any-return]

    def model_card(self) -> str:
        """The model card of the weights in force: data, measured figures, limits, terms."""
        with self._shared.engine.lent() as detector:
            file = detector.bundle.path / "README.md"
            return file.read_text(encoding="utf-8") if file.is_file() else f"{detector.bundle.label} brings no card."

    def limits(self) -> dict[str, float]:
        """What one call may ask: sizes, lengths, queue."""
        return {name: value for name, value, _ in self._shared.engine.limits.words()}

    def _choice(self, threshold: str) -> Choice:
        return self._said("", lambda: Choice(str(parse_threshold(threshold))))  # type: ignore[no-any-return]

    def _said(self, path: str, work: Any) -> Any:
        if path is None:
            raise gr.Error("Give a file.", print_exception=False)
        try:
            return work()
        except Exception as error:
            raise gr.Error(told(error, path), print_exception=False) from error

    def _brief_workshop(self) -> Workshop:
        workshop = Workshop()
        closing = threading.Timer(_FETCH_S, workshop.close)
        closing.daemon = True
        closing.start()
        return workshop


def answer(result: DetectionResult, name: str | None = None) -> dict[str, Any]:
    """A result as plain types. Clients of Gradio fetch whatever has a ``path``, so the name stands under ``file``."""
    plain = result.to_dict()
    return {"file": name or plain.pop("path")} | {key: value for key, value in plain.items() if key != "path"}


def answer_schema() -> dict[str, Any]:
    """The JSON Schema of :func:`answer`."""
    schema = typed(result_schema())
    properties = {"file": schema["properties"].pop("path")} | schema["properties"]
    required = ["file" if name == "path" else name for name in schema.get("required", [])]
    return schema | {"properties": properties, "required": required}


def typed(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with its references put in, as Gradio and the callers of tools read it."""
    known = schema.get("$defs", {})

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return plain(known[node["$ref"].rsplit("/", 1)[-1]])
        return {key: plain(value) for key, value in node.items() if key not in ("$defs", "$schema")}

    found: dict[str, Any] = plain(schema)
    return found


def build(shared: Shared) -> None:
    """The endpoints, which need no sight, and the page that tells of them."""
    programs = Programs(shared)
    schema = answer_schema()
    with gr.Column(visible=False):
        file, files = gr.File(label="file"), gr.File(label="files", file_count="multiple")
        threshold = gr.Textbox("fpr1", label="threshold: fpr1, fpr5 or a number")
        pages = [gr.File(label="report (HTML)"), gr.File(label="record (JSON)")]
        video, card = gr.File(label="annotated video"), gr.Textbox(label="model card (Markdown)")
        shapes: list[Any] = [
            schema, {"type": "array", "items": schema}, {"type": "object", "additionalProperties": {"type": "number"}},
        ]  # fmt: skip
        one, several, held = (
            Api(None, shape, name) for shape, name in zip(shapes, ("result", "results", "limits"), strict=True)
        )
        ask = gr.Button("call")
    # No limit here: the engine lends its detectors, and refuses what would wait too long.
    ask.click(programs.detect, [file, threshold], one, api_name="detect", concurrency_limit=None)
    ask.click(programs.detect_batch, [files, threshold], several, api_name="detect_batch", concurrency_limit=None)
    ask.click(programs.report, [file, threshold], pages, api_name="report", concurrency_limit=None)
    ask.click(programs.annotate, [file, threshold], video, api_name="annotate", concurrency_limit=None)
    ask.click(programs.model_card, None, card, api_name="model_card", concurrency_limit=None)
    ask.click(programs.limits, None, held, api_name="limits", queue=False)
    gr.HTML(_page(shared), elem_classes="dh-body", elem_id="programs")


def _page(shared: Shared) -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{name}</code></th><td data-label="Now">{value:g}</td>'
        f'<td data-label="Meaning">{escape(what)}</td></tr>'
        for name, value, what in shared.engine.limits.words()
    )
    mcp = (
        "<p>Tools for language models (MCP) at <code>/gradio_api/mcp/</code>: <code>detect</code>, "
        "<code>detect_batch</code>, <code>report</code>, <code>annotate</code>, <code>model_card</code>, "
        "<code>limits</code>. A file is given as its public http(s) address or as <code>data:…;base64,…</code>.</p>"
        if mcp_is_there()
        else "<p>The MCP server is off: the package <code>mcp</code> is not installed.</p>"
    )
    example = escape(_TABLE.format(address="http://127.0.0.1:7860"))
    return (
        "<h3>From Python</h3><p>Endpoints: <code>/detect</code>, <code>/detect_batch</code>, <code>/report</code>, "
        "<code>/annotate</code>, <code>/model_card</code>, <code>/limits</code>.</p>"
        f'<pre class="dh-json" tabindex="0">{example}</pre><h3>From anything else</h3>'
        '<p>OpenAPI at <a href="./gradio_api/openapi.json">gradio_api/openapi.json</a>.</p>'
        f"{mcp}<h3>Limits</h3><p>Set by whoever runs the page, in its environment.</p>"
        '<table class="dh-table"><thead><tr><th scope="col">Variable</th><th scope="col">Now</th>'
        f'<th scope="col">Meaning</th></tr></thead><tbody>{rows}</tbody></table>'
    )
