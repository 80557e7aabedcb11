// Where documents come from (a local server, or the page itself), and the steps that were read, kept in chunks.

const CHUNK = 32; // steps of one request: few enough that the first board is there at once
const MOST_CHUNKS = 40; // that are kept; the one that was not looked at for longest goes first
const NOT_KEPT = "This file does not hold that part; `agentscope view` with the run folder shows all.";

function serverSource(address) {
  async function ask(name, query, signal) {
    const asked = new URLSearchParams(query).toString();
    const answer = await fetch(`${address}/${name}${asked ? `?${asked}` : ""}`, {signal});
    const body = await answer.json().catch(() => null);
    if (!answer.ok || body === null) throw new Error(body?.error ?? `The server answered ${answer.status}.`);
    return body;
  }
  return {
    run: () => ask("run", {}),
    steps: (episode, from, to, track) => ask("steps", {episode, from, to, track}),
    why: (episode, step, track, signal) => ask("why", {episode, step, track}, signal),
    beside: (episode, track) => ask("beside", {episode, track}),
    place: (episode, step, track, edits, signal) => {
      const written = edits.map(([feature, value]) => `${feature}:${value}`).join(",");
      return ask("place", {episode, step, track, ...(written ? {edits: written} : {})}, signal);
    },
    animation: (episode, from, to, track) =>
      `${address}/animation?${new URLSearchParams({episode, track, from, to})}`,
  };
}

function embeddedSource(held) {
  const tracks = held.tracks ?? {};
  function trail(episode, track) {
    return track === "network" ? held.steps?.[episode] : tracks[track]?.[episode]?.steps;
  }
  async function find(document) {
    if (!document) throw new Error(NOT_KEPT);
    return document;
  }
  function cut(document, from, to) {
    const first = document.from ?? 0;
    const steps = document.steps.filter((step) => step.step >= from && step.step < to);
    const end = first + document.steps.length;
    return {...document, from, steps, final: to >= end ? document.final ?? null : null};
  }
  return {
    run: async () => ({...held.run, episodes: held.run.episodes.filter((row) => trail(row.episode, "network"))}),
    steps: async (episode, from, to, track) => cut(await find(trail(episode, track)), from, to),
    why: (episode, step, track) => find(track === "network" ? held.why?.[`${episode}/${step}`] : null),
    beside: (episode, track) => find(tracks[track]?.[episode]?.beside),
    place: null,
    tracks: Object.keys(tracks),
  };
}

class Trails {
  constructor(source) {
    this.source = source;
    this.chunks = new Map();
    this.asked = new Map();
    this.marks = new Map();
  }

  // The step, {final} past the last one, or null where neither is here yet.
  peek({episode, track}, step, length) {
    const last = length !== undefined && step >= length;
    const chunk = this.touch(chunkKey(episode, track, last ? lastChunk(length) : Math.floor(step / CHUNK)));
    if (!chunk) return null;
    if (last) return chunk.final ? {final: chunk.final} : null;
    return chunk.byStep.get(step) ?? null;
  }

  touch(key) {
    const chunk = this.chunks.get(key);
    if (chunk) {
      this.chunks.delete(key);
      this.chunks.set(key, chunk);
    }
    return chunk;
  }

  // One request for each chunk at a time, however many wait for it.
  load({episode, track}, number) {
    const key = chunkKey(episode, track, number);
    if (this.chunks.has(key)) return Promise.resolve(this.chunks.get(key));
    if (!this.asked.has(key)) {
      const answer = this.source
        .steps(episode, number * CHUNK, (number + 1) * CHUNK, track)
        .then((document) => this.keep(key, episode, track, document))
        .finally(() => this.asked.delete(key));
      this.asked.set(key, answer);
    }
    return this.asked.get(key);
  }

  loadStep(place, step, length) {
    return this.load(place, length !== undefined && step >= length ? lastChunk(length) : Math.floor(step / CHUNK));
  }

  keep(key, episode, track, document) {
    const chunk = {byStep: new Map(document.steps.map((step) => [step.step, step])), final: document.final ?? null};
    this.chunks.set(key, chunk);
    if (this.chunks.size > MOST_CHUNKS) this.chunks.delete(this.chunks.keys().next().value);
    const marks = this.marksOf({episode, track});
    for (const step of document.steps) marks.add(step);
    return chunk;
  }

  // What comes next is asked for before it is needed, what came before once it is near.
  prefetch(place, step, length) {
    const number = Math.floor(step / CHUNK);
    const wanted = step % CHUNK < CHUNK / 3 ? [number + 1, number - 1] : [number + 1];
    for (const each of wanted) {
      if (each >= 0 && each * CHUNK < length) this.load(place, each).catch(() => null);
    }
  }

  marksOf({episode, track}) {
    const key = `${track}/${episode}`;
    if (!this.marks.has(key)) this.marks.set(key, new Marks());
    return this.marks.get(key);
  }
}

// Which steps of a trail are known, and in which of them each level of text differs from the network.
class Marks {
  constructor() {
    this.known = new Set();
    this.differing = new Map();
  }

  add(step) {
    this.known.add(step.step);
    for (const [level, said] of Object.entries(step.levels ?? {})) {
      if (said.same) continue;
      if (!this.differing.has(level)) this.differing.set(level, new Map());
      this.differing.get(level).set(step.step, step.near_tie);
    }
  }

  // From step to whether it is a near-tie.
  of(level) {
    return this.differing.get(level) ?? new Map();
  }
}

function chunkKey(episode, track, number) {
  return `${track}/${number}/${episode}`;
}

function lastChunk(length) {
  return Math.max(0, Math.floor((length - 1) / CHUNK));
}
