// Steps that are worth a look, kind by kind; each is a button that goes there.

const KINDS = {
  disagreement: "Disagreements, dearest first", finding: "Findings' witnesses", death: "Ends of episodes",
  "small-gap": "Smallest score gaps", "large-gap": "Largest score gaps", "rare-line": "Rarely used lines",
};
const FOLDED = 6; // bookmarks of a kind before the rest is folded

class Bookmarks {
  constructor(run, go) {
    this.entries = run.bookmarks.map((mark) => ({mark, button: button(
      `${mark.label}`, () => go(mark), {className: "as-bookmark", title: `episode ${mark.episode}, step ${mark.step}`},
    )}));
    const kinds = [...new Set(run.bookmarks.map((mark) => mark.kind))];
    this.order = kinds.flatMap((kind) => this.entries.filter((entry) => entry.mark.kind === kind));
    const empty = make("p", {className: "as-note", textContent: "No step of this run is marked."});
    this.element = make(
      "section", {className: "as-bookmarks"}, make("h3", {className: "as-title", textContent: "Bookmarks"}),
      ...(kinds.length ? kinds.map((kind) => this.group(kind)) : [empty]),
    );
  }

  group(kind) {
    const entries = this.order.filter((entry) => entry.mark.kind === kind);
    const items = entries.map(({mark, button: go}) => make(
      "li", {}, go, make("span", {className: "as-also", textContent: `${mark.episode} · ${mark.step}`}),
    ));
    const rest = items.slice(FOLDED);
    const fold = rest.length ? make(
      "details", {}, make("summary", {textContent: `${rest.length} more`}), make("ul", {}, ...rest),
    ) : null;
    return make(
      "div", {className: "as-kind", data: {kind}}, make("h4", {textContent: KINDS[kind] ?? kind}),
      make("ul", {}, ...items.slice(0, FOLDED)), fold,
    );
  }

  show({episode, step}) {
    for (const {mark, button: go} of this.entries) {
      const here = mark.episode === episode && mark.step === step;
      if (here) go.setAttribute("aria-current", "true");
      else go.removeAttribute("aria-current");
    }
  }

  // The bookmark before or after this place in the list, from the one that was last gone to.
  beside({episode, step}, way) {
    const here = this.order.findIndex(({mark}) => mark.episode === episode && mark.step === step);
    // several kinds may mark one step: the one last gone to tells where in the list we are
    const last = sameStep(this.order[this.current]?.mark, {episode, step}) ? this.current : here;
    const length = this.order.length;
    if (!length) return null;
    const next = last < 0 && way < 0 ? length - 1 : (last + way + length) % length;
    this.current = next;
    return this.order[next].mark;
  }
}

function sameStep(mark, {episode, step}) {
  return mark !== undefined && mark.episode === episode && mark.step === step;
}
