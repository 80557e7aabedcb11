// What the page and the report call: the one global, and where the panels lie.

let current = null;
let waitingPlace = {}; // a place that was asked for before the run was read

function arrange(viewer) {
  const reasons = Object.entries(viewer.run.why ?? {});
  const missing = reasons.length ? make(
    "details", {className: "as-reasons"}, make("summary", {textContent: `What is missing (${reasons.length})`}),
    make("ul", {}, ...reasons.map(([part, reason]) => make("li", {textContent: `${part}: ${reason}`}))),
  ) : null;
  viewer.root.replaceChildren(
    viewer.head.element, viewer.timeline.element, viewer.alert,
    make(
      "div", {className: "as-columns"},
      make(
        "div", {className: "as-left"},
        make("div", {className: "as-boards"}, viewer.board.element, viewer.second.element), viewer.scores.element,
      ),
      make("div", {className: "as-right"}, viewer.levels.switch, viewer.levels.element),
    ),
    viewer.why.element, viewer.bookmarks.element, savingMenu(viewer), ...(missing ? [missing] : []), viewer.dialog,
  );
}

async function mount(element, source, options = {}) {
  element.classList.add("as-viewer");
  if (options.theme) themeButtons(options.theme);
  element.replaceChildren(make("p", {className: "as-note", textContent: "Opening the run …"}));
  try {
    const run = await source.run();
    if (!run.episodes.length) throw new Error("There is no episode to step through.");
    current = new Viewer(element, source, options, run);
  } catch (problem) {
    element.replaceChildren(make("p", {className: "as-alert", role: "alert", textContent: problem.message}));
    return;
  }
  const linked = linkedPlace();
  const start = {episode: current.run.episodes[0].episode, step: 0, track: "network", beside: "nothing"};
  current.goTo({...start, ...linked, ...waitingPlace});
  if (options.embedded && linked.episode !== undefined) element.scrollIntoView();
  window.addEventListener("popstate", () => current.goTo(linkedPlace()));
  window.addEventListener("hashchange", () => current.goTo(linkedPlace()));
}

function goTo(place) {
  if (!current) {
    waitingPlace = {...waitingPlace, ...place};
    return;
  }
  current.timeline.pause();
  current.goTo(place);
}

function currentPlace() {
  return current ? current.decision() : null;
}

window.AgentScope = Object.freeze({
  mount, goTo, place: currentPlace, mountEditor, serverSource, embeddedSource, theme, themeButtons,
});
