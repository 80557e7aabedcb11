// Cards: what is known of one concept, one unit, one function of the program.

const CONTROLS = {input: "raw input", untrained: "untrained twins", random: "random features", task: "control task"};

const turns = {}; // by card: how often it was asked for, so that a late answer does not cover a newer one

function showCard(id, path, parameters, draw) {
  const turn = turns[id] = (turns[id] || 0) + 1;
  fill(id, make("p", {class: "note"}, "reading ..."));
  return ask(path, parameters).then(function (found) {
    if (turn !== turns[id]) return;
    const place = fill(id, draw(found));
    const reasons = Object.entries(found.why || {}).map(function ([part, reason]) {
      return make("p", {class: "note"}, part.replaceAll("_", " ") + ": " + reason);
    });
    place.append.apply(place, reasons);
    place.scrollIntoView({block: "nearest"});
  }).catch(function (error) {
    if (turn === turns[id]) fill(id, make("p", {role: "alert"}, error.message));
  });
}

function showConcept(name) {
  writeAddress({concept: name, unit: null});
  choose("concept-choice", name);
  return showCard("concept-card", "/data/concept", {name: name}, drawConcept);
}

function showUnit(unit) {
  writeAddress({unit: unit});
  return showCard("unit-card", "/data/unit", {unit: unit}, drawUnit);
}

function showFunction(point, name) {
  writeAddress({point: point, function: name});
  choose("function-choice", point + " " + name);
  return showCard("function-card", "/data/function", {point: point, name: name}, drawFunction);
}

function choose(id, value) {
  const list = document.getElementById(id);
  if (list) list.value = value;
}

function drawConcept(card) {
  const row = card.primitive;
  return [
    make("h3", {}, card.concept), make("p", {class: "note"}, card.doc), ...(row ? drawVerdict(row) : []),
    ...drawUnits(card.units), ...shots("Top states", card.top, true),
    ...shots("Near misses", card.near, true),
  ];
}

function drawVerdict(row) {
  const controls = Object.entries(CONTROLS).map(function ([key, told]) { return [told, share(row.controls[key])]; });
  const scores = [[(row.metric || "score") + " in " + (row.layer || "-"), share(row.score)], ...controls,
    ["gain over the best of them", share(row.gain) + " (" + between(row, "gain_low", "gain_high") + ")"],
    ["selectivity", share(row.selectivity)]];
  return [
    make("p", {}, make("b", {}, row.where + ", " + row.use)), make("p", {}, row.decided), make("p", {}, row.use_decided),
    table(["score", row.kind], scores), ...drawInterchange(row.evidence),
  ];
}

function drawInterchange(evidence) {
  if (!evidence || typeof evidence.interchange !== "number") {
    return evidence && evidence.why ? [make("p", {class: "note"}, "interchange: " + evidence.why)] : [];
  }
  const rows = [["choices carried over", share(evidence.interchange) + " (" +
      between(evidence, "interchange_low", "interchange_high") + ")"],
    ["a random subspace", share(evidence.interchange_control)],
    ["untrained twins", share(evidence.interchange_untrained)],
    ["pairs without an effect", share(evidence.no_effect)], ["erased", share(evidence.erasure)]];
  return [make("h4", {}, "Interchange, " + evidence.pairs + " pairs"), table(["", "share"], rows)];
}

function drawUnits(units) {
  if (!units || !units.length) return [];
  const links = units.map(function (row) {
    const also = row.also && row.also.length ? " (also " + row.also.join(", ") + ")" : "";
    return make("li", {}, unitLink(row.unit), also);
  });
  return [make("h4", {}, "Units"), make("ul", {class: "units"}, links)];
}

function unitLink(unit) {
  const link = linkTo({tab: "primitives", unit: unit}, unit);
  link.dataset.unit = unit;
  return link;
}

function drawUnit(card) {
  const lists = [
    ["Concepts", card.concepts, function (name) { return linkTo({tab: "primitives", concept: name}, name); }],
    ["Groups", card.groups, groupTold],
    ["Functions", card.functions, function (row) {
      return linkTo({tab: "program", point: row.point, function: row.name}, row.name + " (" + row.point + ")");
    }],
    ["Findings", card.findings, function (number) { return linkTo({tab: "findings"}, "finding " + number); }],
  ];
  const drawn = lists.filter(function (each) { return each[1] && each[1].length; }).flatMap(function (each) {
    const items = each[1].map(function (item) { return make("li", {}, each[2](item)); });
    return [make("h4", {}, each[0]), make("ul", {class: "units"}, items)];
  });
  const changed = typeof card.changes !== "number" ? [] : [make("p", {}, "Resampled, it changes " +
    share(card.changes) + " of " + card.states + " choices.")];
  return [make("h3", {}, card.unit), ...changed, ...drawn, ...shots("Highest", card.highest),
    ...shots("Lowest", card.lowest)];
}

function groupTold(group) {
  const said = [group.expression, group.concept, group.name].find(Boolean);
  const size = (group.units || []).length;
  const told = group.of === "alone" ? "by itself" : size + " units that go together by " + group.of;
  return told + (said ? ": " + said : "");
}

const SIZES = ["inputs", "weights", "largest_weight", "nonlinearities", "operations", "rows", "low", "high"];

function drawFunction(card) {
  const row = card.row;
  const sizes = SIZES.filter(function (name) { return typeof row[name] === "number"; })
    .map(function (name) { return [name.replaceAll("_", " "), row[name].toLocaleString("en")]; });
  const budget = row.opaque ? "OPAQUE: no named function explains it."
    : row.in_budget ? "Within an hour of pen and paper." : "More than an hour of pen and paper, by named parts.";
  const effect = typeof row.effect === "number" ? " Without it " + share(row.effect) + " of the choices change." : "";
  const code = make("pre", {class: "code", tabindex: "0"}, make("code", {html: card.lines.join("\n")}));
  const units = (card.units || []).map(function (unit) { return make("li", {}, unitLink(unit)); });
  const calls = (row.calls || []).map(function (name) {
    return make("li", {}, linkTo({tab: "program", point: card.point, function: name}, name));
  });
  return [
    make("h3", {class: row.opaque ? "opaque" : null}, card.name),
    make("p", {}, budget + effect), code, table(["size", ""], sizes),
    ...listed("Calls", calls), ...listed("Units", units),
    ...(row.note ? [make("details", {}, make("summary", {}, "What is known of it"), make("p", {}, row.note))] : []),
    ...shots("Highest states", card.highest),
  ];
}

function listed(title, items) {
  return items.length ? [make("h4", {}, title), make("ul", {class: "units"}, items)] : [];
}

// Pictures of states, each a link to its step in Watch.
function shots(title, rows, reads) {
  if (!rows || !rows.length) return [];
  const figures = rows.map(function (row) {
    const told = row.label + (reads && typeof row.reading === "number" ? ", reads " + figure(row.reading) : "");
    const known = row.episode !== null && row.episode !== undefined;
    const picture = make("img", {src: row.picture, alt: told});
    const shot = make("figure", {}, picture, make("figcaption", {}, told));
    return known ? linkTo({tab: "watch", episode: row.episode, step: row.step}, shot) : shot;
  });
  return [make("h4", {}, title), make("div", {class: "shots"}, figures)];
}
