// Elements without markup: whatever a document says goes in as text, never as HTML.

function make(tag, properties = {}, ...children) {
  const {data = {}, aria = {}, on = {}, ...plain} = properties;
  const element = document.createElement(tag);
  Object.assign(element, plain);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, String(value));
  for (const [name, act] of Object.entries(on)) element.addEventListener(name, act);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function button(text, act, properties = {}) {
  return make("button", {type: "button", textContent: text, on: {click: act}, ...properties});
}

// A named list to choose from; `choices` are [value, text] pairs.
function chooser(label, choices, act, properties = {}) {
  const list = make("select", {on: {change: () => act(list.value)}, ...properties});
  list.append(...choices.map(([value, text]) => make("option", {value, textContent: text})));
  return {element: make("label", {className: "as-choice"}, make("span", {textContent: label}), list), list};
}

// Texts are written only where they change: a step leaves most of the page as it was.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A value as people read it: four significant digits, flags as words, no number as a dash.
function tell(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// Variables of the style sheet, for what is painted on a canvas.
function colour(role) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim() || "#808080";
}
