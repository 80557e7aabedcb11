// Start: once Dash has drawn the page, the viewer moves in, and both follow each other.

const MARK = 120; // milliseconds without a move before the mark in the plot follows: keys may come fast
let moment = {episode: "0", step: 0, track: "network"};
let marking = null;

window.dash_clientside = Object.assign({}, window.dash_clientside, {
  page: {
    toStep: function (clicked) {
      const point = clicked && clicked.points[0];
      if (point) AgentScope.goTo({episode: moment.episode, step: point.x, track: moment.track});
    },
    toConcept: function (clicked) {
      const point = clicked && clicked.points[0];
      if (point) showConcept([].concat(point.customdata)[0]);
    },
    toFunction: function (clicked, program) {
      const point = clicked && clicked.points[0];
      const name = point && [].concat(point.customdata)[0];
      if (name && name !== "strategy") showFunction(program, name);
    },
  },
});

function start() {
  watchTabs();
  const given = document.documentElement.dataset.theme; // of the command line, before what the browser remembers
  if (given) AgentScope.theme(given);
  const source = AgentScope.serverSource("/data");
  openers.try = function () {
    buildTry();
    AgentScope.mountEditor(document.getElementById("editor"), source);
  };
  window.addEventListener("agentscope:moved", function (event) { moved(event.detail); });
  window.addEventListener("agentscope:theme", shade);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", shade);
  document.getElementById("save-print").addEventListener("click", function () { window.print(); });
  choosing("concept-choice", showConcept);
  choosing("function-choice", function (chosen) { showFunction.apply(null, chosen.split(" ")); });
  AgentScope.mount(document.getElementById("watch"), source, {theme: document.getElementById("theme")}).then(moveGaps);
  shade();
  follow(location.search);
}

// The plot belongs right below the board: Dash has made it, and never touches its place again.
function moveGaps() {
  const columns = document.querySelector("#watch .as-columns");
  if (columns) columns.after(document.getElementById("gaps-part"));
}

function choosing(id, act) {
  const list = document.getElementById(id);
  if (list) list.addEventListener("change", function () { if (list.value) act(list.value); });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function shade() {
  setProps("shade", {data: {dark: isDark()}});
}

function moved(detail) {
  const other = detail.episode !== moment.episode || detail.track !== moment.track || !moment.placed;
  moment = {episode: detail.episode, step: detail.step, track: detail.track || "network", placed: true};
  if (other) setProps("place", {data: {episode: moment.episode, track: moment.track}});
  clearTimeout(marking);
  marking = setTimeout(markStep, MARK);
  saveLinks();
}

// A line at the step, drawn over the plot; a new figure of Dash has none, so it is drawn again.
function markStep() {
  const plot = document.querySelector("#gaps .js-plotly-plot");
  clearTimeout(marking);
  if (!plot || !window.Plotly || !plot.layout) {
    marking = setTimeout(markStep, MARK); // Dash loads Plotly after the page
    return;
  }
  if (!plot.dataset.marked) {
    plot.dataset.marked = "yes";
    plot.on("plotly_afterplot", markStep);
  }
  const shapes = plot.layout.shapes || [];
  if (shapes.length && shapes[0].x0 === moment.step) return;
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  window.Plotly.relayout(plot, {shapes: [{
    type: "line", x0: moment.step, x1: moment.step, y0: 0, y1: 1, yref: "paper", line: {color: colour, width: 2},
  }]});
}

function saveLinks() {
  const steps = new URLSearchParams({name: "steps", episode: moment.episode, track: moment.track});
  document.getElementById("save-steps").href = "/data/table.csv?" + steps;
}

function startWhenDrawn() {
  if (document.getElementById("watch") && window.dash_clientside.set_props) return start();
  new MutationObserver(function (changes, observer) {
    if (!document.getElementById("watch")) return;
    observer.disconnect();
    start();
  }).observe(document.body, {childList: true, subtree: true});
}

startWhenDrawn();
