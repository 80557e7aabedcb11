// Why not another action: the nearest single changes, and what the best actions lead to. It comes after the step.

const PATIENCE = 200; // milliseconds on one step before its reasons are asked for

class Why {
  constructor(source, actions, arrived) {
    this.source = source;
    this.actions = actions;
    this.arrived = arrived; // is told what has come, since other panels show a part of it
    this.timer = null;
    this.asking = null;
    this.note = make("p", {className: "as-note", aria: {live: "polite"}});
    this.flips = make("div", {className: "as-flips"});
    this.after = make("div", {className: "as-after"});
    this.element = make(
      "details", {className: "as-why", open: true, on: {toggle: () => this.ask()}},
      make("summary", {textContent: "Why not another action"}), this.note, this.flips, this.after,
    );
  }

  // Asked for only when the reader stays: the answer to a step that was left is dropped.
  show(place) {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.place = place;
    this.flips.replaceChildren();
    this.after.replaceChildren();
    write(this.note, place ? "Searching for the nearest changes …" : "There is no decision here.");
    if (place) this.timer = setTimeout(() => this.ask(), PATIENCE);
  }

  async ask() {
    if (!this.element.open || !this.place || this.flips.hasChildNodes()) return;
    const {episode, step, track} = this.place;
    const asking = new AbortController();
    this.asking = asking;
    try {
      const found = await this.source.why(episode, step, track, asking.signal);
      if (this.asking === asking && !asking.signal.aborted) this.fill(found);
    } catch (problem) {
      if (this.asking === asking && !asking.signal.aborted) write(this.note, problem.message);
    }
  }

  fill(found) {
    this.arrived(found);
    const reasons = found.why ?? {};
    const flips = found.flips ?? {};
    write(this.note, typeof found.searched === "number" ? `${count(found.searched, "single change")} searched.` : "");
    this.flips.replaceChildren(
      this.flip("After this the network acts differently", flips.network, reasons["flips.network"]),
      this.flip("After this the text acts differently", flips.strategy, reasons["flips.strategy"]),
      this.flip("After this the network does the other action", found.toward, reasons.toward),
    );
    const rows = found.afterstates ?? [];
    const told = make("h4", {className: "as-title", textContent: "What the best actions lead to"});
    const missing = [reasons.afterstates, reasons["afterstates.terms"]].filter(Boolean);
    this.after.replaceChildren(
      ...(rows.length ? [told, make("div", {className: "as-row"}, ...rows.map((row) => this.successor(row)))] : []),
      ...missing.map((reason) => make("p", {className: "as-note", textContent: reason})),
    );
  }

  flip(title, flip, reason) {
    const heading = make("figcaption", {}, make("strong", {textContent: title}));
    if (!flip) {
      heading.append(make("span", {className: "as-note", textContent: reason ?? "No single change does it."}));
      return make("figure", {className: "as-flip"}, heading);
    }
    const words = `${flip.feature} = ${flip.to_label ?? flip.to} → ${this.actions[flip.action] ?? flip.action}`;
    heading.append(make("span", {textContent: words}));
    return make("figure", {className: "as-flip"}, picture(flip.picture, words), heading);
  }

  successor(row) {
    const name = this.actions[row.action] ?? `action ${row.action}`;
    const signs = [row.network ? SIGNS.network : null, row.text ? SIGNS.text : null].filter(Boolean).join("  ");
    const caption = make(
      "figcaption", {}, make("strong", {textContent: name}), make("span", {className: "as-signs", textContent: signs}),
      make("span", {textContent: `score ${tell(row.score)}${row.over ? ", the episode ends" : ""}`}),
    );
    const terms = row.terms?.length ? this.terms(row) : null;
    return make("figure", {className: "as-successor"}, picture(row.picture, `after ${name}`), caption, terms);
  }

  terms(row) {
    const line = ([term, value]) =>
      make("tr", {}, make("td", {textContent: term}), make("td", {className: "as-figure", textContent: tell(value)}));
    const total = make(
      "tr", {className: "as-total"}, make("th", {scope: "row", textContent: "text's score"}),
      make("td", {className: "as-figure", textContent: tell(row.total)}),
    );
    return make("table", {className: "as-terms"}, make("tbody", {}, ...row.terms.map(line), total));
  }
}

function picture(source, words) {
  return source ? make("img", {className: "as-picture", src: source, alt: words}) : null;
}
