// One board: its picture, what happened so far, and whether text and network agree there.

class Board {
  constructor(title) {
    this.title = make("h3", {className: "as-title", textContent: title});
    this.picture = make("img", {className: "as-picture", draggable: false});
    this.missing = make("p", {className: "as-missing", hidden: true});
    this.badge = make("p", {className: "as-badge", aria: {live: "polite"}});
    this.facts = make("dl", {className: "as-facts"});
    this.values = new Map();
    for (const name of ["reward", "return so far", "value"]) {
      const value = make("dd");
      this.facts.append(make("div", {}, make("dt", {textContent: name}), value));
      this.values.set(name, value);
    }
    this.element = make(
      "figure", {className: "as-board"}, this.title,
      make("div", {className: "as-frame"}, this.picture, this.missing), this.badge, this.facts,
    );
  }

  draw(picture, alt) {
    this.picture.hidden = !picture;
    this.missing.hidden = Boolean(picture);
    if (picture) {
      if (this.picture.getAttribute("src") !== picture) this.picture.src = picture;
      this.picture.alt = alt;
    } else {
      write(this.missing, alt || "There is no picture of this state.");
    }
  }

  show(step, verdict) {
    this.draw(step.picture, step.alt);
    this.tell(verdict);
    write(this.values.get("reward"), tell(step.reward));
    write(this.values.get("return so far"), tell(step.return));
    write(this.values.get("value"), step.value === null || step.value === undefined
      ? "–" : `${tell(step.value)} (${step.value_of ?? "of the network"})`);
  }

  end(final) {
    this.draw(final.picture, final.alt);
    this.tell({kind: "end", text: {
      over: "■ the episode is over", time: "■ the environment's time is up", cut: "■ not followed further",
    }[final.end] ?? "■ the end"});
    write(this.values.get("reward"), "–");
    write(this.values.get("return so far"), tell(final.return));
    write(this.values.get("value"), "–");
  }

  nothing(reason) {
    this.draw(null, reason);
    this.tell({kind: "end", text: "■ no such step"});
    for (const value of this.values.values()) write(value, "–");
  }

  tell(verdict) {
    this.badge.dataset.kind = verdict.kind;
    write(this.badge, verdict.text);
  }
}

// Agree, near-tie or disagree, in words, with a sign before each so that colour is never alone.
function verdictOf(step, said, actions, why) {
  if (!said) return {kind: "none", text: why ?? "no text to compare with"};
  if (said.same) return {kind: "agree", text: "= agree"};
  const regret = said.regret === null ? "" : `, regret ${tell(said.regret)}`;
  const words = `text would ${actions[said.action]}${regret}`;
  if (step.near_tie) return {kind: "tie", text: `≈ near-tie: ${words}`};
  return {kind: "disagree", text: `≠ disagree: ${words}`};
}
