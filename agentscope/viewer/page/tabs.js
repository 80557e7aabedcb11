// Tabs, links and the address: whatever the page shows has an address, and every link of the page is one.

const TABS = ["watch", "primitives", "program", "findings", "frontier", "fidelity", "try"];
const PLOTTED = ["primitives", "program", "frontier", "fidelity"];
const CARDS = ["concept", "unit", "point", "function"]; // what an address says of cards
const openers = {}; // by tab: what is done when it is first opened
const opened = new Set();
let current = "watch";

function openTab(name, keepAddress) {
  const tab = TABS.includes(name) ? name : "watch";
  current = tab;
  TABS.forEach(function (each) {
    const button = document.getElementById("tab-" + each);
    button.setAttribute("aria-selected", String(each === tab));
    button.tabIndex = each === tab ? 0 : -1;
    document.getElementById("panel-" + each).hidden = each !== tab;
  });
  if (!opened.has(tab)) {
    opened.add(tab);
    if (PLOTTED.includes(tab)) setProps("seen-" + tab, {data: true});
    document.querySelectorAll("#panel-" + tab + " [data-section]").forEach(loadSection);
    if (openers[tab]) openers[tab]();
  }
  if (!keepAddress) writeAddress({tab: tab, concept: null, unit: null, point: null, function: null});
}

function loadSection(place) {
  ask("/data/section", {name: place.dataset.section}).then(function (fragment) {
    place.innerHTML = fragment;
  }, tell);
}

function writeAddress(changes) {
  const query = new URLSearchParams(location.search);
  Object.entries(changes).forEach(function ([name, value]) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  });
  history.replaceState(null, "", "?" + query.toString());
}

// Where a link leads from here: the step in Watch stays what it is, unless the link names another.
function merged(address) {
  const query = new URLSearchParams(location.search);
  const asked = new URLSearchParams(address);
  CARDS.concat(asked.has("episode") ? ["track", "beside"] : []).forEach(function (name) { query.delete(name); });
  asked.forEach(function (value, name) { query.set(name, value); });
  return query;
}

// Open what an address names: a tab, an episode's step, a card.
function follow(search) {
  const asked = new URLSearchParams(search);
  openTab(asked.get("tab") || "watch", true);
  if (asked.has("episode")) goTo(asked);
  if (asked.has("concept")) showConcept(asked.get("concept"));
  if (asked.has("unit")) showUnit(asked.get("unit"));
  if (asked.has("function")) showFunction(asked.get("point") || "close", asked.get("function"));
}

function goTo(asked) {
  const place = {episode: asked.get("episode"), step: Number(asked.get("step") || 0)};
  place.track = asked.get("track") || "network";
  if (asked.has("level")) place.level = asked.get("level");
  AgentScope.goTo(place);
}

function watchTabs() {
  const row = document.getElementById("tabs");
  row.addEventListener("click", function (event) {
    const tab = event.target.closest("[role=tab]");
    if (tab) openTab(tab.id.slice("tab-".length));
  });
  row.addEventListener("keydown", function (event) {
    const at = TABS.indexOf(current);
    const moves = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1};
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation(); // arrows step through the episode elsewhere
    openTab(TABS[(moves[event.key] + TABS.length) % TABS.length]);
    document.getElementById("tab-" + current).focus();
  });
  document.addEventListener("click", function (event) {
    const link = event.target.closest("a[href^='?']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState(null, "", "?" + merged(link.getAttribute("href")));
    follow(link.getAttribute("href"));
    if (current === "watch") document.getElementById("tabs").scrollIntoView();
  });
  window.addEventListener("popstate", function () { follow(location.search); });
}

function setProps(id, properties) {
  window.dash_clientside.set_props(id, properties);
}
