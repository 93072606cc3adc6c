"""page: the one page at /: the model's card and a form to try a row; it loads nothing from anywhere."""

import html
import json

from heddle.serving.bundle.bundle import Bundle

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>heddle: TITLE</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2rem .6rem; text-align: left }
textarea { width: 100%; height: 12rem; font: 13px monospace } 
pre { background: #f4f4f4; padding: .8rem; overflow: auto }
</style></head><body>
<h1>TITLE</h1>
<p>TASK. Trained on ROWS rows. Fields of a row: FIELDS.</p>
<h2>Metrics</h2>METRICS
<h2>Try a row</h2>
<textarea id="row" aria-label="a row as JSON">EXAMPLE</textarea>
<p><button id="score">Score</button> <label><input type="checkbox" id="append"> append it too</label></p>
<pre id="answer" aria-live="polite"></pre>
<h2>Load</h2><pre id="load"></pre>
<script>
const $ = id => document.getElementById(id);
$("score").onclick = async () => {
  let row;
  try { row = JSON.parse($("row").value) } catch (error) { $("answer").textContent = error; return }
  const asked = { method: "POST", body: JSON.stringify({ rows: [row], append: $("append").checked }) };
  const answer = await fetch("/v2/score", asked);
  $("answer").textContent = JSON.stringify(await answer.json(), null, 1);
};
const load = async () => {
  const text = await (await fetch("/metrics")).text();
  const lines = text.split("\\n").filter(line => line && !line.startsWith("#") && !line.includes("bucket"));
  $("load").textContent = lines.join("\\n");
};
load(); setInterval(load, 2000);
</script></body></html>
"""


def page(bundle: Bundle) -> bytes:
    """Return the page of a bundle."""
    card, encoder = bundle.contents.card, bundle.encoders.get(bundle.target)
    fields = encoder.fields if encoder is not None else ("key", "time")
    metrics = card.get("metrics", {})
    rows = [
        (split, name, value)
        for split in ("train", "valid", "test")
        for name, value in (metrics.get(split) or {}).items()
        if isinstance(value, int | float)
    ]
    cells = "".join(
        f"<tr><td>{_text(split)}</td><td>{_text(name)}</td><td>{value:.4g}</td></tr>"
        for split, name, value in rows
    )
    html = _PAGE.replace("TITLE", _text(f"{card.get('model', '')} on {card.get('data', '')}"))
    for mark, text in (
        ("TASK", _text(card.get("task", ""))),
        ("ROWS", _text((card.get("rows") or {}).get("train", "?"))),
        ("FIELDS", _text(", ".join(fields))),
        ("METRICS", f"<table><tr><th>split</th><th>metric</th><th></th></tr>{cells}</table>"),
        ("EXAMPLE", _text(json.dumps(dict.fromkeys(fields, ""), indent=1))),
    ):
        html = html.replace(mark, text, 1)
    return html.encode()


def _text(value: object) -> str:
    return html.escape(str(value))
