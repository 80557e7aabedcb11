// The text at the chosen level: the deciding line lit, each primitive's value beside its line and in a list below.

const MOST_CHIPS = 12; // values beside one line; the list below has all

class Levels {
  constructor(run, choose) {
    this.texts = run.levels.map((level) => new LevelText(level));
    this.radios = run.levels.map((level, place) => make("input", {
      type: "radio", name: "agentscope-level", value: level.key, on: {change: () => choose(level.key)},
      title: `key ${place + 1}`,
    }));
    const labels = this.radios.map((radio, place) =>
      make("label", {}, radio, make("span", {textContent: run.levels[place].title})));
    this.switch = make("fieldset", {className: "as-levels"}, make("legend", {textContent: "level"}), ...labels);
    this.element = make("section", {className: "as-texts"}, ...this.texts.map((text) => text.element));
  }

  show(key, said, step) {
    for (const radio of this.radios) radio.checked = radio.value === key;
    for (const text of this.texts) {
      text.element.hidden = text.level.key !== key;
      if (text.level.key === key) text.show(said, step);
    }
  }

  // Values that come after the step, or null where a new step has none so far.
  fillLate(key, values) {
    const text = this.texts.find((each) => each.level.key === key);
    if (!text) return;
    text.late = values ?? [];
    if (values?.length && !text.element.hidden && text.box) text.fillValues(values);
  }
}

class LevelText {
  constructor(level) {
    this.level = level;
    this.lines = [];
    this.lit = null;
    this.filled = [];
    this.late = [];
    this.element = make("div", {className: "as-text", hidden: true, data: {level: level.key}});
  }

  // A decompilation has thousands of lines: they are made when they are first looked at.
  build() {
    const {title, agreement, lines = [], sentences, why} = this.level;
    const share = typeof agreement === "number" ? `agrees in ${(100 * agreement).toFixed(1)} % of the states` : "";
    this.element.append(make("p", {className: "as-note", textContent: share, hidden: !share}));
    if (why || !(lines.length || sentences?.length)) {
      this.element.append(make("p", {className: "as-missing", textContent: why ?? `There is no ${title}.`}));
      return;
    }
    if (sentences) {
      const items = sentences.map((each) => make("li", {textContent: each}));
      this.element.append(make("ol", {className: "as-gist"}, ...items));
      return;
    }
    this.box = make("div", {className: "as-code", tabIndex: 0, role: "group", aria: {label: `text: ${title}`}});
    this.box.append(...this.folded(lines.map((html, place) => this.addLine(html, place + 1))));
    this.summary = make("h4", {className: "as-title", textContent: "Values read"});
    this.list = make("dl", {className: "as-values"});
    this.element.append(this.box, this.summary, this.list);
  }

  addLine(html, number) {
    const code = make("code");
    code.innerHTML = html; // coloured and escaped by the server
    const line = {chips: make("span", {className: "as-chips"})};
    line.element = make(
      "div", {className: "as-line", data: {line: number}},
      make("span", {className: "as-number", textContent: number, aria: {hidden: "true"}}), code, line.chips,
    );
    this.lines.push(line);
    return line.element;
  }

  // Functions of a long program behind folds; of a short text with one function nothing is hidden.
  folded(rows) {
    const spans = (this.level.functions ?? []).filter((span) => span.end > span.start);
    if (this.level.key !== "program" || spans.length < 2) return rows;
    const parts = [];
    let next = 1;
    for (const span of spans) {
      parts.push(...rows.slice(next - 1, span.start - 1), this.fold(span, rows.slice(span.start - 1, span.end)));
      next = span.end + 1;
    }
    return [...parts, ...rows.slice(next - 1)];
  }

  fold(span, rows) {
    const summary = make(
      "summary", {}, make("span", {textContent: span.name}),
      span.opaque ? make("strong", {className: "as-opaque", textContent: "◆ OPAQUE"}) : null,
      make("span", {className: "as-also", textContent: count(span.end - span.start + 1, "line")}),
    );
    const open = span.name === "strategy";
    return make("details", {className: span.opaque ? "as-fold as-opaque-fold" : "as-fold", open}, summary, ...rows);
  }

  show(said, step) {
    if (!this.element.hasChildNodes()) this.build();
    if (!this.box) return;
    this.light(said?.line ?? null, said?.through ?? []);
    this.fillValues(said?.values?.length ? said.values : step ? this.late : []);
  }

  fillValues(values) {
    for (const chips of this.filled) chips.replaceChildren();
    this.filled = [];
    this.fillChips(values);
    this.fillList(values);
  }

  light(number, through) {
    for (const line of this.through ?? []) line.classList.remove("as-through");
    this.through = through.map((each) => this.lines[each - 1]?.element).filter(Boolean);
    for (const line of this.through) line.classList.add("as-through"); // helpers that returned what is returned
    this.lit?.classList.remove("as-lit");
    this.lit?.removeAttribute("aria-current");
    this.lit = number === null ? null : this.lines[number - 1]?.element ?? null;
    if (!this.lit) return;
    this.lit.classList.add("as-lit");
    this.lit.setAttribute("aria-current", "true");
    const fold = this.lit.closest("details");
    if (fold) fold.open = true;
    // only the box scrolls, never the page under the reader
    const line = this.lit.getBoundingClientRect();
    const box = this.box.getBoundingClientRect();
    if (line.top < box.top || line.bottom > box.bottom) this.box.scrollTop += line.top - box.top - box.height / 3;
  }

  fillChips(values) {
    const byLine = new Map();
    for (const value of values) byLine.set(value.line, [...(byLine.get(value.line) ?? []), value]);
    for (const [number, those] of byLine) {
      const chips = this.lines[number - 1]?.chips;
      if (!chips) continue;
      const short = those.filter((value) => !Array.isArray(value.values));
      const named = (value) => `${those.length > 1 ? `${value.text} = ` : ""}${valueWords(value)}`;
      const shown = short.slice(0, MOST_CHIPS).map((value) =>
        make("span", {className: "as-chip", textContent: named(value)}));
      chips.replaceChildren(...shown);
      this.filled.push(chips);
    }
  }

  fillList(values) {
    const shown = [...valuesByCall(values).values()];
    this.summary.hidden = !shown.length;
    this.list.replaceChildren(...shown.map(({text, words}) =>
      make("div", {}, make("dt", {textContent: text}), make("dd", {textContent: words}))));
  }
}
