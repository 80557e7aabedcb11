// Try: a text is checked as it is, compared in the background, and the drop is told beside the printed text.

const POLL = 400; // milliseconds
let polling = null;

function buildTry() {
  const place = document.getElementById("try-place");
  place.append(make("textarea", {
    id: "try-text", spellcheck: "false", autocapitalize: "off", rows: 24, "aria-label": "strategy", wrap: "off",
    "aria-describedby": "try-error",
  }), make("label", {}, "episodes ", make("input", {
    id: "try-episodes", type: "number", min: "1", max: "100", value: place.dataset.episodes,
  })));
  resetText();
  on("try-check", check);
  on("try-compare", compare);
  on("try-cancel", function () { return send("/try/cancel").then(drawJob); });
  on("try-reset", resetText);
  document.getElementById("try-cancel").disabled = true;
  ask("/try/job").then(function (job) { if (job.state !== "none") drawJob(job); }, tellText);
}

function on(id, act) {
  document.getElementById(id).addEventListener("click", function () { Promise.resolve(act()).catch(tellText); });
}

function textarea() {
  return document.getElementById("try-text");
}

function resetText() {
  textarea().value = document.getElementById("try-place").dataset.text;
  tellText(null);
  fill("try-result", []);
}

function check() {
  return send("/try/check", {text: textarea().value}).then(function (found) {
    if (!found.ok) return tellText(found.error);
    tellText(null);
    const size = Object.entries(found.size || {}).map(function ([name, value]) { return value + " " + name; });
    const named = (found.primitives || []).join(", ");
    fill("try-result", [
      make("p", {}, make("b", {}, "The text is sound: "), size.join(", ") + (named ? "; it calls " + named : "")),
      make("pre", {class: "code", tabindex: "0"}, make("code", {html: found.lines.join("\n")})),
    ]);
    return found;
  });
}

function compare() {
  tellText(null);
  fill("try-result", []);
  const episodes = Number(document.getElementById("try-episodes").value);
  return send("/try/compare", {text: textarea().value, episodes: episodes}).then(drawJob);
}

function tellText(error) {
  const place = document.getElementById("try-error");
  place.hidden = !error;
  place.replaceChildren();
  textarea().removeAttribute("aria-invalid");
  if (!error) return;
  const where = error.place || error;
  place.append(error.message || String(error));
  if (!where.line) return;
  const lines = textarea().value.split("\n");
  const before = lines.slice(0, where.line - 1).join("\n").length + (where.line > 1 ? 1 : 0);
  const line = lines[where.line - 1] || "";
  const pointer = " ".repeat(Math.max(0, (where.column || 1) - 1)) + "^";
  place.append(make("pre", {class: "code"}, "line " + where.line + "\n", make("mark", {}, line), "\n" + pointer));
  textarea().setAttribute("aria-invalid", "true");
  textarea().setSelectionRange(before, before + line.length);
  textarea().scrollTop = Math.max(0, textarea().scrollHeight * (where.line - 5) / lines.length);
}

function drawJob(job) {
  const running = job.state === "running";
  document.getElementById("try-compare").disabled = running;
  document.getElementById("try-cancel").disabled = !running;
  const place = document.getElementById("try-progress");
  place.hidden = job.state === "none";
  if (running) drawProgress(place, job);
  else place.replaceChildren({done: "compared", failed: "not compared", cancelled: "cancelled"}[job.state] || "");
  clearTimeout(polling);
  if (running) polling = setTimeout(function () { ask("/try/job").then(drawJob, tellText); }, POLL);
  if (job.error) tellText(job.error);
  if (job.result) fill("try-result", drawResult(job.result));
}

function drawProgress(place, job) {
  const rate = job.rate ? ", " + Number(job.rate.toPrecision(2)) + "/s" : "";
  const left = job.left === null || job.left === undefined ? "" : ", " + Math.ceil(job.left) + " s left";
  const told = job.cancelling ? "stopping" : job.stage + ": " + job.done + " of " + job.total + rate + left;
  place.replaceChildren(make("progress", {max: job.total, value: job.done, "aria-label": job.stage}), " " + told);
}

function drawResult(result) {
  const rows = result.sets.map(function (row) {
    const printed = row.printed && typeof row.printed.agreement === "number" ? row.printed.agreement : null;
    return [row.set.replaceAll("_", " "), share(printed) + " → " + share(row.agreement), drop(row.drop),
      between(row, "low", "high"), row.states + " states, " + row.episodes + " episodes"];
  });
  return [
    make("h3", {}, "Agreement with the network: printed text → yours"),
    table(["set", "agreement", "drop", "95 %", "measured on"], rows),
    ...drawWorst(result.worst_line), ...drawReturn(result.return),
    ...Object.entries(result.why || {}).map(function ([part, why]) {
      return make("p", {class: "note"}, part + ": " + why);
    }),
  ];
}

function drop(value) {
  if (typeof value !== "number") return "-";
  if (value === 0) return "none";
  const told = value > 0 ? value.toFixed(3) + " lower" : (-value).toFixed(3) + " higher";
  return make("b", {class: value > 0 ? "worse" : "better"}, told);
}

function drawWorst(worst) {
  if (!worst) return [];
  return [make("h4", {}, "Most often wrong"),
    make("pre", {class: "code"}, "line " + worst.line + "  " + worst.text),
    make("p", {}, worst.disagreements + " of the " + worst.states + " states that it decides differ.")];
}

function drawReturn(paired) {
  if (!paired) return [];
  const names = {network_return: "network", strategy_return: "your text", difference: "text minus network"};
  const rows = Object.entries(names).filter(function ([key]) { return paired[key]; }).map(function ([key, told]) {
    return [told, figure(paired[key].mean), figure(paired[key].low) + " to " + figure(paired[key].high)];
  });
  return [make("h4", {}, "Return on the same " + paired.n + " seeds"), table(["", "mean", "95 %"], rows),
    make("p", {}, share(paired.identical) + " of the episodes are identical.")];
}
