// The Watch view: one state (episode, step, track, level, beside), and panels that show it.

const TRACK_WORDS = {network: "the network", text: "the text", other: "another agent"};
const IDLE = 800; // milliseconds without a move before the rest of an episode is read for its marks
const MOST_SCANNED = 48; // chunks of an episode that are read for its marks alone

class Viewer {
  constructor(root, source, options, run) {
    Object.assign(this, {root, source, options, run});
    this.trails = new Trails(source);
    this.rows = new Map(run.episodes.map((row) => [row.episode, row]));
    this.other = new Map(); // beside documents of other tracks, by track and episode
    this.turn = 0;
    this.waiting = false;
    this.tracks = ["network", "text", ...(run.other ? ["other"] : [])]
      .filter((track) => track === "network" || (source.tracks ?? ["text", "other"]).includes(track));
    this.timeline = new Timeline(this);
    this.board = new Board("the network");
    this.second = new Board("");
    this.scores = new Scores(run.actions);
    this.levels = new Levels(run, (level) => this.goTo({level}));
    this.why = new Why(source, run.actions, (found) => this.levels.fillLate("program", found.functions));
    this.bookmarks = new Bookmarks(run, (mark) => this.visit(mark));
    this.head = new Head(this);
    this.alert = make("p", {className: "as-alert", role: "alert", hidden: true});
    this.dialog = keysDialog();
    arrange(this);
    listenToKeys(this, this.dialog);
  }

  // Any part of the place may be given; what is not there becomes the nearest that is.
  goTo(change) {
    const next = {...this.state, ...change};
    if (!this.rows.has(String(next.episode))) next.episode = this.run.episodes[0].episode;
    next.episode = String(next.episode);
    if (!this.tracks.includes(next.track)) next.track = "network";
    if (next.beside === next.track || !this.tracks.includes(next.beside)) next.beside = "nothing";
    if (!this.run.levels.some((level) => level.key === next.level)) next.level = this.firstLevel();
    next.step = Math.max(0, Math.round(Number(next.step)) || 0);
    if (this.length(next) !== undefined) next.step = Math.min(next.step, this.last(next));
    const moved = this.state !== undefined && LINKED.some((name) => this.state[name] !== next[name]);
    this.state = next;
    this.show();
    this.told(moved);
  }

  // The address is left alone until the reader moves: it may lead to another part of the page.
  told(moved) {
    if (moved) {
      clearTimeout(this.writing);
      this.writing = setTimeout(() => writePlace(this.state), 60);
    }
    const {episode, step, track, level} = this.decision();
    window.dispatchEvent(new CustomEvent("agentscope:moved", {detail: {episode, step, track, level}}));
  }

  // The place, but at the end of an episode that of its last decision: there is nothing to edit or film after it.
  decision() {
    const length = this.length() ?? this.state.step + 1;
    return {...this.state, step: Math.min(this.state.step, Math.max(0, length - 1))};
  }

  move(steps) {
    this.goTo({step: this.state.step + steps});
  }

  bookmark(way) {
    const mark = this.bookmarks.beside(this.state, way);
    if (mark) this.visit(mark);
  }

  // Bookmarks are steps of the network's own games.
  visit({episode, step}) {
    this.goTo({episode, step, track: "network"});
  }

  // The next step in which the text differs, read on from the server where the trail is not known so far.
  async seek(way) {
    const from = this.state;
    const {episode, track} = from;
    const marks = this.trails.marksOf(from);
    // a picture that comes in late draws the same place again: only a reader who went on elsewhere ends the search
    const left = () => this.state.episode !== episode || this.state.track !== track || this.state.step !== from.step;
    for (let step = from.step + way; step >= 0 && step < (this.length() ?? 0); step += way) {
      if (!marks.known.has(step)) await this.trails.loadStep({episode, track}, step, this.length()).catch(() => null);
      if (left()) return;
      if (marks.of(this.levelOfText()).has(step)) return this.goTo({step});
    }
    this.note(`No ${way > 0 ? "later" : "earlier"} disagreement in this episode.`);
  }

  firstLevel() {
    const there = this.run.levels.find((level) => level.key === "strategy" && !level.why);
    return (there ?? this.run.levels[0]).key;
  }

  // The gist decides nothing itself, nor does a level that is missing: then the strategy is compared.
  levelOfText() {
    const level = this.run.levels.find((each) => each.key === this.state.level);
    return level.key === "gist" || level.why ? "strategy" : level.key;
  }

  length({episode, track} = this.state) {
    return track === "network" ? this.rows.get(episode).steps : this.other.get(`${track}/${episode}`)?.steps;
  }

  // The step after the last decision is the end, unless the trail was found to stop before it.
  last(place = this.state) {
    const length = this.length(place) ?? 0;
    return this.endless?.has(`${place.track}/${place.episode}`) ? Math.max(0, length - 1) : length;
  }

  async measure(episode, track) {
    const key = `${track}/${episode}`;
    if (!this.other.has(key)) this.other.set(key, await this.source.beside(episode, track));
    return this.other.get(key);
  }

  show() {
    const turn = ++this.turn;
    const {episode, track, step, beside} = this.state;
    this.head.show(this.state);
    this.bookmarks.show(this.state);
    const length = this.length();
    if (length !== undefined) this.timeline.show(step, this.last(), length);
    const found = length === undefined ? null : this.trails.peek(this.state, step, length);
    if (found) this.paint(found);
    else this.wait(turn, this.fetch(episode, track, step));
    this.second.element.hidden = beside === "nothing";
    if (beside === "nothing") this.mark();
    else this.showSecond(turn);
  }

  async fetch(episode, track, step) {
    if (track !== "network") await this.measure(episode, track);
    const length = this.length({episode, track});
    const chunk = await this.trails.loadStep({episode, track}, step, length);
    const key = `${track}/${episode}`;
    if (length === 0 && !chunk.final) throw new Error("This episode has no step.");
    if (step >= length && !chunk.final) this.endless = (this.endless ?? new Set()).add(key);
    else if (step < length && !chunk.byStep.has(step)) throw new Error(`Step ${step} is not there. ${NOT_KEPT}`);
  }

  wait(turn, work) {
    this.waiting = true;
    this.root.setAttribute("aria-busy", "true");
    work.then(() => {
      if (turn === this.turn) this.goTo({});
    }, (problem) => {
      if (turn === this.turn) this.fail(problem);
    });
  }

  paint(found) {
    const {episode, track, step} = this.state;
    const level = this.run.levels.find((each) => each.key === this.levelOfText());
    this.settled();
    if (found.final) {
      this.board.end(found.final);
      this.scores.show(null);
      this.levels.show(this.state.level, null, null);
      this.why.show(null);
    } else {
      const said = found.levels?.[level?.key] ?? null;
      const place = {episode, step, track};
      const other = !sameStep(this.explained, place) || this.explained.track !== track;
      if (other) this.levels.fillLate("program", null); // before the text is shown: they were another step's
      this.board.show(found, verdictOf(found, said, this.run.actions, level?.why));
      this.scores.show(found, said);
      this.levels.show(this.state.level, said, found);
      if (other) this.why.show(place);
      this.explained = place;
      this.trails.prefetch(this.state, step, this.length());
    }
    if (found.final) this.explained = undefined;
    clearTimeout(this.scanning);
    this.scanning = setTimeout(() => this.scan(), IDLE);
  }

  async showSecond(turn) {
    const {episode, step, beside} = this.state;
    try {
      const document = await this.measure(episode, beside);
      const place = {episode, track: beside};
      const length = this.length(place);
      if (step <= length) await this.trails.loadStep(place, step, length);
      if (turn !== this.turn) return;
      const found = this.trails.peek(place, step, length);
      const said = found?.levels?.[this.levelOfText()] ?? null;
      if (!found) this.second.nothing(`This side ended after ${count(length, "step")}.`);
      else if (found.final) this.second.end(found.final);
      else this.second.show(found, verdictOf(found, said, this.run.actions));
      this.mark(document.first_divergence);
      this.head.parted(document.first_divergence);
      this.trails.prefetch(place, step, length);
    } catch (problem) {
      if (turn === this.turn) this.second.nothing(problem.message);
    }
  }

  mark(divergence) {
    if (divergence === undefined) this.head.parted(undefined);
    this.timeline.mark(this.trails.marksOf(this.state).of(this.levelOfText()), divergence);
    this.divergence = divergence;
  }

  // Once the reader rests, the rest of the episode is read, chunk by chunk, for the marks on the strip.
  async scan() {
    const {episode, track} = this.state;
    const chunks = Math.min(MOST_SCANNED, lastChunk(this.length() ?? 0) + 1);
    const marks = this.trails.marksOf(this.state);
    const turn = this.turn;
    for (let number = 0; number < chunks && turn === this.turn; number += 1) {
      if (marks.known.has(number * CHUNK)) continue;
      await this.trails.load({episode, track}, number).catch(() => null);
    }
    if (turn === this.turn) this.timeline.mark(marks.of(this.levelOfText()), this.divergence);
  }

  async allSteps() {
    const {episode, track} = this.state;
    const steps = [];
    for (let number = 0; number <= lastChunk(this.length()); number += 1) {
      const chunk = await this.trails.load({episode, track}, number);
      steps.push(...[...chunk.byStep.values()].map(({picture: left, ...step}) => step));
    }
    return steps;
  }

  settled() {
    this.waiting = false;
    this.root.removeAttribute("aria-busy");
    this.alert.hidden = true;
  }

  fail(problem) {
    this.settled();
    this.timeline.pause();
    this.note(problem.message);
  }

  note(text) {
    this.alert.hidden = false;
    write(this.alert, text);
  }

  // A film would read every badge aloud.
  quiet(on) {
    for (const board of [this.board, this.second]) board.badge.setAttribute("aria-live", on ? "off" : "polite");
  }

  fileName() {
    return `${this.run.agent.name}-episode-${this.state.episode}`.replace(/[^\w.-]+/g, "-");
  }

  // In a report the viewer is one part of a long page: its keys are the page's while it is out of sight.
  isSeen() {
    const {top, bottom, height} = this.root.getBoundingClientRect();
    return height > 0 && top < window.innerHeight * 0.75 && bottom > window.innerHeight * 0.25;
  }
}
