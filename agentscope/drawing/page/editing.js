// A board to be edited: click a cell, choose a piece, and see what network and text decide then.

const HIGH = 460; // pixels of the board on the page

class Editor {
  constructor(element, source, run) {
    Object.assign(this, {source, run, element, edits: [], turn: 0});
    this.told = make("p", {className: "as-note"});
    this.picture = make("img", {className: "as-picture", draggable: false});
    this.grid = make("div", {className: "as-grid", role: "group", aria: {label: "cells of the board; arrows move"}});
    this.stage = make("div", {className: "as-stage"}, this.picture, this.grid);
    this.menu = make("div", {className: "as-menu", role: "group", aria: {label: "changes of this cell"}, hidden: true});
    this.features = make("div", {className: "as-group"});
    this.verdict = make("dl", {className: "as-decisions", aria: {live: "polite"}});
    this.changed = make("ul", {className: "as-changed"});
    this.made = make("p", {className: "as-made"});
    this.alert = make("p", {className: "as-alert", role: "alert", hidden: true});
    this.undo = button("Undo", () => this.edit(this.edits.slice(0, -1)));
    this.reset = button("Reset", () => this.edit([]));
    const take = button("Take the step shown in Watch", () => this.start());
    element.classList.add("as-viewer", "as-editor");
    element.replaceChildren(
      make("div", {className: "as-group"}, take, this.undo, this.reset), this.told, this.alert,
      this.stage, this.menu, this.features, this.made, this.verdict,
      make("h4", {className: "as-title", textContent: "Values that changed"}), this.changed,
    );
    this.grid.addEventListener("keydown", (event) => this.walk(event));
    this.cells = run.board ? this.addCells(run.board) : new Map();
  }

  start() {
    const place = currentPlace() ?? {episode: this.run.episodes[0].episode, step: 0, track: "network"};
    const {episode, step, track} = place;
    this.place = {episode, step, track};
    this.base = null;
    write(this.told, `Episode ${episode}, step ${step}, states of ${TRACK_WORDS[track]}.`);
    return this.edit([]);
  }

  // Cells lie over the picture by shares of its size: it may be shown at any scale.
  addCells(board) {
    const percent = (part, whole) => `${(100 * part / whole).toFixed(4)}%`;
    const style = this.grid.style;
    // as high as a phone shows; the picture may be any number of pixels small
    this.stage.style.setProperty("--as-width", `${Math.round(HIGH * board.width / board.height)}px`);
    style.setProperty("left", percent(board.left, board.width));
    style.setProperty("top", percent(board.top, board.height));
    style.setProperty("width", percent(board.columns * board.tile, board.width));
    style.setProperty("height", percent(board.rows * board.tile, board.height));
    style.setProperty("grid-template", `repeat(${board.rows}, 1fr) / repeat(${board.columns}, 1fr)`);
    const cells = new Map();
    for (let row = 0; row < board.rows; row += 1) {
      for (let column = 0; column < board.columns; column += 1) {
        const key = `${row},${column}`;
        cells.set(key, button("", () => this.press(key), {data: {cell: key}, tabIndex: cells.size ? -1 : 0}));
      }
    }
    this.grid.append(...cells.values());
    return cells;
  }

  walk(event) {
    const ways = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
    const way = ways[event.key];
    const from = event.target.dataset.cell?.split(",").map(Number);
    const to = way && from ? this.cells.get(`${from[0] + way[0]},${from[1] + way[1]}`) : null;
    if (!to) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  press(key) {
    const offers = this.document?.cells?.[key] ?? [];
    this.menu.hidden = offers.length < 2;
    if (offers.length === 1) this.add(offers[0]);
    if (offers.length < 2) return;
    const back = () => this.cells.get(key).focus();
    this.menu.replaceChildren(
      ...offers.map((offer) => button(offer.label, () => { this.add(offer); back(); })),
      button("Leave it", () => { this.menu.hidden = true; back(); }),
    );
    this.menu.firstChild.focus();
  }

  add({feature, value}) {
    this.menu.hidden = true;
    return this.edit([...this.edits, [feature, value]]);
  }

  async edit(edits) {
    const turn = ++this.turn;
    const {episode, step, track} = this.place;
    this.element.setAttribute("aria-busy", "true");
    try {
      const found = await this.source.place(episode, step, track, edits);
      if (turn !== this.turn) return;
      this.edits = edits;
      this.alert.hidden = true;
      this.show(found);
    } catch (problem) {
      if (turn !== this.turn) return;
      this.alert.hidden = false;
      write(this.alert, problem.message);
    }
    this.element.removeAttribute("aria-busy");
  }

  show(found) {
    this.document = found;
    this.base ??= found.step;
    this.menu.hidden = true;
    this.undo.disabled = this.reset.disabled = !this.edits.length;
    if (found.step.picture) this.picture.src = found.step.picture;
    this.picture.alt = found.step.alt ?? "the edited board";
    for (const [key, cell] of this.cells) {
      const offers = found.cells?.[key] ?? [];
      const told = offers.length ? offers.map((offer) => offer.label).join(" or ") : "no change";
      cell.title = `cell ${key}: ${told}`;
      cell.setAttribute("aria-label", `cell ${key}: ${told}`);
      cell.setAttribute("aria-disabled", String(!offers.length));
    }
    this.showFeatures(found.features ?? []);
    write(this.made, found.labels?.length ? `Changed: ${found.labels.join("; ")}.` : "Nothing is changed so far.");
    this.showDecisions(found);
    this.showValues(found.step.levels?.strategy?.values);
  }

  showFeatures(features) {
    this.features.replaceChildren(...features.map((feature) => {
      const blank = ["", feature.current === null ? "choose" : `now ${feature.current}`];
      const choices = feature.values.map((each) => [each.value, each.label]);
      return chooser(feature.name, [blank, ...choices], (value) => {
        if (value !== "") this.add({feature: feature.feature, value: Number(value)});
      }).element;
    }));
  }

  showDecisions(found) {
    const said = found.step.levels?.strategy ?? null;
    const rows = [
      ["● network", found.before?.action, found.step.action],
      ["▲ text", found.before?.strategy ?? null, said ? said.action : null],
    ];
    const name = (action) => (action === null || action === undefined ? "–" : this.run.actions[action]);
    this.verdict.replaceChildren(...rows.map(([who, before, after]) => make(
      "div", {data: {changed: String(before !== after)}}, make("dt", {textContent: who}),
      make("dd", {textContent: before === after ? `${name(after)} (as before)` : `${name(before)} → ${name(after)}`}),
    )), make("div", {}, make("dt", {textContent: "now"}), make("dd", {
      textContent: verdictOf(found.step, said, this.run.actions, found.why?.["before.strategy"]).text,
    })));
  }

  showValues(values) {
    const before = valuesByCall(this.base.levels?.strategy?.values);
    const after = valuesByCall(values);
    const lines = [];
    for (const call of new Set([...before.keys(), ...after.keys()])) {
      const [was, is] = [before.get(call)?.words ?? "not read", after.get(call)?.words ?? "not read"];
      if (was !== is) lines.push(`${(after.get(call) ?? before.get(call)).text}: ${was} → ${is}`);
    }
    this.changed.replaceChildren(...(lines.length ? lines : ["none"]).map((text) => make("li", {textContent: text})));
  }
}

async function mountEditor(element, source) {
  if (!source.place) return;
  try {
    const run = current?.source === source ? current.run : await source.run();
    await new Editor(element, source, run).start();
  } catch (problem) {
    element.replaceChildren(make("p", {className: "as-alert", role: "alert", textContent: problem.message}));
  }
}
