// Scores of the actions as bars, best first; equivalent actions share one, choices have a shape and a word.

const MOST_BARS = 10;
const SIGNS = {network: "● network", text: "▲ text", taken: "■ taken"};

class Scores {
  constructor(actions) {
    this.actions = actions;
    this.all = false;
    this.rows = [];
    this.list = make("ol", {className: "as-bars", aria: {label: "scores of the actions, best first"}});
    this.more = button("", () => {
      this.all = !this.all;
      this.paint();
    }, {className: "as-small", hidden: true});
    this.element = make(
      "section", {className: "as-scores"}, make("h3", {className: "as-title", textContent: "Scores of the actions"}),
      this.list, this.more,
    );
  }

  show(step, said) {
    this.groups = step ? scoreGroups(step, said) : [];
    this.paint();
  }

  paint() {
    const shown = this.groups.filter((group, place) => this.all || place < MOST_BARS || group.signs.length);
    while (this.rows.length < shown.length) this.rows.push(this.addRow());
    const scores = this.groups.map((group) => group.score);
    const low = Math.min(...scores);
    const span = Math.max(...scores) - low;
    this.rows.forEach((row, place) => this.fill(row, shown[place], low, span));
    const left = this.groups.length - shown.length;
    this.more.hidden = this.groups.length <= MOST_BARS || (!this.all && left === 0);
    write(this.more, this.all ? "Show the best only" : `Show all ${this.groups.length}`);
  }

  addRow() {
    const parts = {
      name: make("span", {className: "as-name"}), signs: make("span", {className: "as-signs"}),
      value: make("span", {className: "as-value"}), bar: make("span", {className: "as-bar"}),
      also: make("span", {className: "as-also"}),
    };
    const track = make("span", {className: "as-track", aria: {hidden: "true"}}, parts.bar);
    parts.element = make("li", {}, parts.name, parts.signs, parts.value, track, parts.also);
    this.list.append(parts.element);
    return parts;
  }

  fill(row, group, low, span) {
    row.element.hidden = !group;
    if (!group) return;
    write(row.name, this.actions[group.action] ?? `action ${group.action}`);
    write(row.signs, group.signs.map((sign) => SIGNS[sign]).join("  "));
    write(row.value, group.own === null ? tell(group.score) : `${tell(group.score)} · text ${tell(group.own)}`);
    row.also.hidden = !group.also.length;
    write(row.also, group.also.length ? `also ${group.also.map((action) => this.actions[action]).join(", ")}` : "");
    row.element.dataset.choice = group.signs[0] ?? "";
    // the lowest keeps a sliver, so that it does not look like an action without a score
    const share = span > 0 ? (group.score - low) / span : 1;
    row.bar.style.setProperty("width", `${(2 + 98 * share).toFixed(2)}%`);
  }
}

// One group for each class of equivalent legal actions, by the best score in it.
function scoreGroups(step, said) {
  const groups = new Map();
  const classOf = (action) => step.same_as?.[action] ?? action;
  step.scores.forEach((score, action) => {
    if (score === null) return;
    const key = classOf(action);
    const own = said?.scores?.[action] ?? null;
    const group = groups.get(key);
    if (!group) {
      groups.set(key, {action, score, own, also: [], signs: []});
      return;
    }
    group.also.push(action);
    group.score = Math.max(group.score, score);
    if (own !== null) group.own = Math.max(group.own ?? own, own);
  });
  groups.get(classOf(step.action))?.signs.push("network");
  if (said) groups.get(classOf(said.action))?.signs.push("text");
  const taken = step.taken ?? step.action;
  if (classOf(taken) !== classOf(step.action)) groups.get(classOf(taken))?.signs.push("taken");
  return [...groups.values()].sort((one, other) => other.score - one.score || one.action - other.action);
}
