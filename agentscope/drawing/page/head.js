// The row above the board: episode, whose states are shown, who is shown beside, keys.

class Head {
  constructor(viewer) {
    this.viewer = viewer;
    const words = (track) => (track === "other" ? `other: ${viewer.run.other.name}` : TRACK_WORDS[track]);
    this.words = words;
    this.episodes = chooser("episode", [], (episode) => viewer.goTo({episode, step: 0}), {className: "as-episodes"});
    this.fill(viewer.run.episodes);
    const tracks = viewer.tracks.map((track) => [track, words(track)]);
    this.track = chooser("played by", tracks, (track) => viewer.goTo({track}));
    this.beside = chooser("beside", [["nothing", "nothing"], ...tracks], (beside) => viewer.goTo({beside}));
    this.divergence = button("", () => viewer.goTo({step: viewer.divergence}), {hidden: true});
    this.keys = button("? keys", () => viewer.dialog.showModal(), {className: "as-small"});
    this.track.element.hidden = this.beside.element.hidden = viewer.tracks.length < 2;
    this.element = make(
      "div", {className: "as-head"}, this.episodes.element, this.track.element, this.beside.element, this.divergence,
      this.keys,
    );
  }

  fill(rows) {
    const option = (row) => make("option", {value: row.episode, textContent: episodeWords(row)});
    const witnesses = rows.filter((row) => row.kind === "witness");
    this.episodes.list.append(...rows.filter((row) => row.kind !== "witness").map(option));
    if (!witnesses.length) return;
    this.episodes.list.append(make("optgroup", {label: "witnesses of findings"}, ...witnesses.map(option)));
  }

  show({episode, track, beside}) {
    this.episodes.list.value = episode;
    this.track.list.value = track;
    for (const option of this.beside.list.options) option.disabled = option.value === track;
    this.beside.list.value = beside;
    write(this.viewer.board.title, this.words(track));
    if (beside !== "nothing") write(this.viewer.second.title, this.words(beside));
  }

  // `step` is null where both do the same to the end, undefined where nobody is beside.
  parted(step) {
    this.divergence.hidden = step === undefined;
    this.divergence.disabled = step === null;
    write(this.divergence, step === null || step === undefined
      ? "they never part" : `go to first divergence (step ${step})`);
  }
}

function episodeWords(row) {
  const differing = typeof row.disagreements === "number" ? `, ${count(row.disagreements, "disagreement")}` : "";
  const success = row.success === true ? ", success" : row.success === false ? ", no success" : "";
  return `${row.title}: ${count(row.steps, "step")}, return ${tell(row.return)}${differing}${success}`;
}
