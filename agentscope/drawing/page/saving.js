// What can be saved of an episode: its steps as JSON and CSV, the board as PNG, a film where a server makes one.

const COLUMNS = [
  "step", "action", "reward", "return", "value", "gap", "near_tie", "text_action", "same", "regret", "line",
];
const FILMED = 120; // steps of a film from the current one on

function savingMenu(viewer) {
  const entries = [
    button("episode.json", () => saveEpisode(viewer, "json")),
    button("episode.csv", () => saveEpisode(viewer, "csv")),
    button("board.png", () => {
      const {src} = viewer.board.picture;
      if (src) save(src, `${viewer.fileName()}-step-${viewer.state.step}.png`);
    }),
  ];
  if (viewer.source.animation) entries.push(button("film from this step.webp", () => saveFilm(viewer)));
  if (viewer.options.embedded) entries.push(button("print, or save as PDF", () => window.print()));
  return make(
    "details", {className: "as-saving"}, make("summary", {textContent: "Save this episode"}),
    make("div", {className: "as-group"}, ...entries),
  );
}

async function saveEpisode(viewer, kind) {
  const {episode, track} = viewer.state;
  try {
    const steps = await viewer.allSteps();
    const text = kind === "csv" ? episodeTable(steps, viewer.run.actions, viewer.levelOfText())
      : JSON.stringify({agent: viewer.run.agent, environment: viewer.run.environment, episode, track, steps}, null, 1);
    const address = URL.createObjectURL(new Blob([text], {type: kind === "csv" ? "text/csv" : "application/json"}));
    save(address, `${viewer.fileName()}.${kind}`);
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  } catch (problem) {
    viewer.fail(problem);
  }
}

function saveFilm(viewer) {
  const {episode, step, track} = viewer.state;
  const from = Math.min(step, Math.max(0, viewer.length() - 1));
  const to = Math.min(from + FILMED, viewer.length());
  save(viewer.source.animation(episode, from, to, track), `${viewer.fileName()}.webp`);
}

function save(address, name) {
  const link = make("a", {href: address, download: name});
  document.body.append(link);
  link.click();
  link.remove();
}

function episodeTable(steps, actions, level) {
  const rows = steps.map((step) => {
    const said = step.levels?.[level];
    return [
      step.step, actions[step.action], step.reward, step.return, step.value, step.gap, step.near_tie,
      said ? actions[said.action] : null, said?.same, said?.regret, said?.line,
    ].map(quoted).join(",");
  });
  return `${COLUMNS.join(",")}\n${rows.join("\n")}\n`;
}

// Quoted as RFC 4180 has it; a leading sign that spreadsheets take for a formula is disarmed in words, not in numbers.
function quoted(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const plain = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
