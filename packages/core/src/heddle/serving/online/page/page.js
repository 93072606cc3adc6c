"use strict";
const $ = id => document.getElementById(id);
const make = (name, content = "", attributes = {}) => {
  const element = document.createElement(name);
  if (typeof content === "string") element.textContent = content;
  else element.append(...content);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const number = (value, digits = 4) => value === null || value === undefined ? "–" : Number(value).toPrecision(digits).replace("-", "−");
const signed = value => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(4);
let token = "", facts = null;

const ask = async (path, body) => {
  const headers = token ? { authorization: "Bearer " + token } : {};
  return fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
};

const table = (heads, rows) => make("table", [
  make("thead", [make("tr", heads.map(text => make("th", text, { scope: "col" })))]),
  make("tbody", rows.map(cells => make("tr", cells.map((cell, at) => at ? make("td", cell) : make("th", cell, { scope: "row" }))))),
]);

const showCard = () => {
  document.title = facts.title;
  $("title").textContent = facts.title;
  $("subtitle").textContent = facts.subtitle;
  $("card").replaceChildren(...facts.card.map(([name, text]) => make("tr", [make("th", name, { scope: "row" }), make("td", text)])));
  const limits = facts.limits.map(text => make("li", text));
  $("limits").replaceChildren(make("p", facts.written || "Nobody wrote this down: put it into card.md beside bundle.json.", facts.written ? {} : { class: "soft" }), make("ul", limits));
  const rows = facts.metrics.map(([split, name, value, interval, baseline]) =>
    [split, name, number(value), interval ? `${number(interval[0], 3)} to ${number(interval[1], 3)}` : "", baseline ? `${number(baseline[1])}, ${baseline[0]}` : ""]);
  const heads = ["rows", "metric", "the model", "95% interval", "best baseline"];
  const kept = cells => cells.filter((_, at) => rows.some(row => row[at]));
  $("metrics").replaceChildren(rows.length ? table(kept(heads), rows.map(kept)) : make("p", "The run kept no metrics."));
};

const showForm = () => {
  $("fields").replaceChildren(...facts.fields.map((field, at) => {
    const input = make("input", "", { id: "field" + at, name: field.name, autocomplete: "off", placeholder: field.example });
    if (field.values.length) input.setAttribute("list", "values" + at);
    if (field.needed) input.required = true;
    const type = field.type === field.name.toLowerCase() ? "" : field.type;
    const label = make("label", [field.name, make("small", [type, field.needed ? "needed" : ""].filter(Boolean).join(", ")), input]);
    if (field.values.length) label.append(make("datalist", field.values.map(value => make("option", "", { value })), { id: "values" + at }));
    return label;
  }));
  $("why").checked = facts.explains;
  $("append").disabled = !facts.appends;
};

const rowOf = () => {
  const row = {};
  facts.fields.forEach((field, at) => {
    const text = $("field" + at).value;
    if (text !== "") row[field.name] = field.number ? Number(text) : text;
  });
  return row;
};

const showChances = score => {
  const lines = score.probability.flatMap((chance, at) => {
    const bar = make("b");
    bar.style.width = 100 * chance + "%";
    const name = score.probability.length === 1 ? "true" : facts.classes[at] || String(at);
    return [make("span", name), make("i", [bar], { "aria-hidden": "true" }), make("span", (100 * chance).toFixed(2) + " %")];
  });
  return make("div", lines, { class: "chances" });
};

const showScore = (score, reply) => {
  const parts = [make("p", score.answer === null ? number(score.outputs[0], 6) : String(score.answer), { class: "said" })];
  if (score.probability.length) parts.push(showChances(score));
  const used = Object.entries(score.used).map(([relation, rows]) => `${rows.length} of ${relation}`);
  const seen = used.length ? `Rows that were looked at: ${used.join(", ")}.` : "No other rows were looked at.";
  parts.push(make("p", seen + (reply.number === undefined ? "" : ` Appended as number ${reply.number}: the next row sees it.`), { class: "soft" }));
  $("answer").replaceChildren(...parts);
};

const showReasons = score => {
  $("picture").replaceChildren();
  $("reasons").hidden = !score.reasons;
  if (!score.reasons) return;
  if (score.picture) {
    const drawn = new DOMParser().parseFromString(score.picture, "image/svg+xml").documentElement;
    $("picture").append(document.importNode(drawn, true));
  }
  const of = score.reasons, inner = of.embedding || of;
  const rows = of.columns.map(part => ["column", part.column, part.value, signed(part.contribution)]);
  for (const node of of.nodes) {
    rows.push([node.table, node.key, node.seen ? `hop ${node.hop}` : "never seen before", signed(node.contribution)]);
    if (of.embedding) for (const part of node.columns) rows.push([`column of ${node.table}`, part.column, part.value, `(${signed(part.contribution)})`]);
  }
  if (of.embedding) rows.push(["embeddings", "", "split below, approximately", signed(of.embedding.contribution)]);
  if (of.embedding) for (const node of inner.nodes) rows.push([`embedding: ${node.table}`, node.key, node.seen ? `hop ${node.hop}` : "never seen before", `(${signed(node.contribution)})`]);
  for (const edge of inner.edges) {
    const [sender, receiver] = [inner.nodes[edge.sender], inner.nodes[edge.receiver]];
    const text = signed(edge.contribution);
    rows.push([edge.table, `row ${edge.row}: ${sender.key} to ${receiver.key}`, edge.columns.slice(0, 3).map(part => `${part.column} ${part.value}`).join(", "), of.embedding ? `(${text})` : text]);
  }
  rows.push(["gap", "", of.exact ? "rounding" : "approximation", signed(of.gap)]);
  const sum = make("p", `${of.method}: from ${number(of.baseline, 6)} to ${number(of.score, 6)}, the score of ${of.of}.`);
  $("reasons-table").replaceChildren(sum, table(["what", "which", "value", "brought"], rows));
};

const score = async event => {
  event.preventDefault();
  const body = { rows: [rowOf()], append: $("append").checked };
  if ($("why").checked) Object.assign(body, { explain: true, picture: true });
  $("request").hidden = false;
  $("curl").textContent = `curl ${location.origin}/v2/score ${token ? "-H 'authorization: Bearer TOKEN' " : ""}-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  try {
    const reply = await ask("/v2/score", body), content = await reply.json();
    if (!reply.ok) throw new Error(content.error);
    showScore(content.scores[0], content);
    showReasons(content.scores[0]);
  } catch (error) {
    $("answer").replaceChildren(make("p", error.message, { class: "error", role: "alert" }));
    showReasons({});
  }
};

const polls = [];
const parse = text => {
  const counts = { requests: 0, rows: 0, refused: 0, buckets: [] };
  for (const line of text.split("\n")) {
    const [, name, labels, value] = line.match(/^(\w+)(?:\{(.*)\})? (\S+)$/) || [];
    if (name === "heddle_requests_total") {
      if (/route="(score|infer|rows)"/.test(labels)) counts.requests += Number(value);
      if (/status="[45]/.test(labels)) counts.refused += Number(value);
    }
    if (name === "heddle_rows_total" && /scored|explained/.test(labels)) counts.rows += Number(value);
    if (name === "heddle_request_seconds_bucket" && /route="(score|infer|rows)"/.test(labels)) {
      const bound = labels.match(/le="(.*)"/)[1], same = counts.buckets.find(each => each[0] === bound);
      if (same) same[1] += Number(value); else counts.buckets.push([bound, Number(value)]);
    }
    if (name === "heddle_live_entries") counts.entries = Number(value);
  }
  return { ...counts, at: performance.now() / 1e3 };
};
const quantile = (first, last, share) => {
  const counts = last.buckets.map(([bound, count], at) => [bound, count - (first.buckets[at] || [0, 0])[1]]);
  const all = counts.length ? counts[counts.length - 1][1] : 0;
  let before = 0, low = 0;
  for (const [bound, count] of counts) {
    if (count >= share * all && count > before) return bound === "+Inf" ? low : low + (Number(bound) - low) * (share * all - before) / (count - before);
    [before, low] = [count, Number(bound)];
  }
  return null;
};
const line = values => {
  const known = values.filter(value => value !== null), high = Math.max(...known, 1e-9);
  const points = values.map((value, at) => value === null ? "" : `${at},${(44 - 42 * value / high).toFixed(1)}`).filter(Boolean);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 59 46", preserveAspectRatio: "none", "aria-hidden": "true" })) drawn.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  path.setAttribute("points", points.join(" "));
  drawn.append(path);
  return drawn;
};
const showLoad = () => {
  const [first, last] = [polls[0], polls[polls.length - 1]], seconds = Math.max(last.at - first.at, 1e-9);
  const pairs = polls.slice(1).map((poll, at) => [polls[at], poll]);
  const rate = (key, [a, b]) => (b[key] - a[key]) / Math.max(b.at - a.at, 1e-9);
  const milliseconds = value => value === null ? "–" : `${number(1e3 * value, 3)} ms`;
  const tile = (name, text, values) => make("div", [make("b", text), make("span", name, { class: "soft" }), ...(values ? [line(values)] : [])]);
  const late = share => pairs.map(([a, b]) => quantile(a, b, share));
  $("loads").replaceChildren(
    tile("rows scored a second", number((last.rows - first.rows) / seconds, 3), pairs.map(pair => rate("rows", pair))),
    tile("requests a second", number((last.requests - first.requests) / seconds, 3), pairs.map(pair => rate("requests", pair))),
    tile("half of the requests within", milliseconds(quantile(first, last, .5)), late(.5)),
    tile("99 in 100 within", milliseconds(quantile(first, last, .99)), late(.99)),
    tile("requests refused or failed, since the start", String(last.refused)),
    tile("edges appended since the last compaction", String(last.entries ?? "–")),
  );
};
const load = async () => {
  try {
    const reply = await ask("/metrics");
    if (!reply.ok) return;
    polls.push(parse(await reply.text()));
    if (polls.length > 60) polls.shift();
    showLoad();
  } catch { $("loads").replaceChildren(make("p", "The server doesn't answer.", { class: "error" })); }
};

const percent = share => (100 * share).toFixed(1) + " %";
const farthest = bins => [...bins].sort((a, b) => Math.abs(b.shares[1] - b.shares[0]) - Math.abs(a.shares[1] - a.shares[0])).slice(0, 2)
  .map(bin => `${bin.of}: ${percent(bin.shares[0])}, now ${percent(bin.shares[1])}`).join("; ");
const drift = async () => {
  const reply = await ask("/v2/drift");
  $("drift-section").hidden = !reply.ok;
  if (!reply.ok) return;
  const of = await reply.json();
  $("drift-said").textContent = `${of.said} ${of.counted} of ${of.asked} rows of the last ${of.days} days were counted, against ${of.training.rows} rows of training and the scores of ${of.training.scored} of ${of.training.split}.`;
  const row = part => [part.name, number(part.psi, 3), part.chance === null ? "–" : number(part.chance, 3),
    `${percent(part.missing.training)}, now ${percent(part.missing.asked)}`, part.said, part.said.startsWith("has moved") ? farthest(part.bins) : ""];
  const heads = ["column or score", "stability index", "by chance up to", "missing or unknown", "", "farthest"];
  $("drift").replaceChildren(of.counted ? table(heads, [...of.scores, ...of.columns].map(row)) : "");
};

const open = async () => {
  const reply = await ask("/v2/page");
  $("locked").hidden = reply.status !== 401;
  if (!reply.ok) return;
  facts = await reply.json();
  showCard();
  showForm();
  load();
  drift();
};
$("unlock").onsubmit = event => { event.preventDefault(); token = $("token").value; open(); };
$("form").onsubmit = score;
$("example").onclick = () => facts.fields.forEach((field, at) => { $("field" + at).value = field.example; });
$("clear").onclick = () => facts.fields.forEach((field, at) => { $("field" + at).value = ""; });
open();
setInterval(() => facts && !document.hidden && load(), 2000);
setInterval(() => facts && !document.hidden && drift(), 20000);
