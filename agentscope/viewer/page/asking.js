// Requests to the page's own server, and elements: text is always put in as text, never as HTML.

function ask(path, parameters) {
  const query = new URLSearchParams(parameters || {}).toString();
  return fetch(query ? path + "?" + query : path).then(read);
}

function send(path, body) {
  const text = JSON.stringify(body || {});
  return fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: text}).then(read);
}

function read(response) {
  const json = (response.headers.get("Content-Type") || "").startsWith("application/json");
  return (json ? response.json() : response.text()).then(function (found) {
    if (response.ok) return found;
    throw Object.assign(new Error((found && found.error) || response.statusText), {place: found});
  });
}

function tell(error) {
  const place = document.getElementById("page-error");
  if (!place) return;
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}

function make(tag, properties) {
  const element = document.createElement(tag);
  Object.entries(properties || {}).forEach(function ([name, value]) {
    if (value === null || value === undefined || value === false) return;
    if (name === "html") element.innerHTML = value; // of our own server only, where it was escaped
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  });
  Array.prototype.slice.call(arguments, 2).flat().forEach(function (child) {
    if (child !== null && child !== undefined && child !== "") element.append(child);
  });
  return element;
}

function fill(id, children) {
  const place = document.getElementById(id);
  if (place) place.replaceChildren.apply(place, [].concat(children));
  return place;
}

function linkTo(query, told) {
  return make("a", {href: "?" + new URLSearchParams(query).toString()}, told);
}

function share(value) {
  if (typeof value !== "number") return "-";
  if (value >= 0.9995 && value < 1) return ">.999"; // what is short of 1 is never printed as 1
  return value.toFixed(3);
}

function figure(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(4))) : "-";
}

function between(row, low, high) {
  return typeof row[low] === "number" && typeof row[high] === "number"
    ? share(row[low]) + " to " + share(row[high]) : "-";
}

function table(head, rows) {
  const top = make("tr", {}, head.map(function (name) { return make("th", {scope: "col"}, name); }));
  const body = rows.map(function (cells) {
    return make("tr", {}, cells.map(function (cell) { return make("td", {}, cell); }));
  });
  return make("div", {class: "wide", tabindex: "0"},
    make("table", {}, make("thead", {}, top), make("tbody", {}, body)));
}
