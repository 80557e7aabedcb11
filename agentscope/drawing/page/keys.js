// Keys on the whole document, and the dialog that lists them.

const KEYS = [
  ["←  →", "one step back or on"],
  ["Shift + ←  →", "ten steps back or on"],
  ["Home, End", "first step, end of the episode"],
  ["Space", "play or pause"],
  ["n, p", "next or previous disagreement"],
  ["↑  ↓", "previous or next bookmark"],
  ["1 2 3 4", "level of the text"],
  ["?", "this list"],
  ["Escape", "close it"],
];
const WRITTEN_IN = "textarea, select, [contenteditable], "
  + "input:not([type=radio]):not([type=checkbox]):not([type=range])";
const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
// What has the focus keeps the keys that it needs itself
const OWN_KEYS = [
  ["button, a, summary", [" "]],
  ["[role=tab], .as-code, .as-grid", [...ARROWS, "Home", "End"]],
  ["input[type=radio]", [...ARROWS, " "]],
  ["input[type=range]", ["ArrowUp", "ArrowDown"]],
];

function listenToKeys(viewer, dialog) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || dialog.open) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(WRITTEN_IN) || !viewer.isSeen()) return;
    const act = actOf(event, viewer, dialog, target);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function actOf(event, viewer, dialog, target) {
  const far = event.shiftKey ? 10 : 1;
  const acts = {
    ArrowLeft: () => viewer.move(-far),
    ArrowRight: () => viewer.move(far),
    ArrowUp: () => viewer.bookmark(-1),
    ArrowDown: () => viewer.bookmark(1),
    Home: () => viewer.goTo({step: 0}),
    End: () => viewer.goTo({step: viewer.last()}),
    " ": () => viewer.timeline.toggle(),
    n: () => viewer.seek(1),
    p: () => viewer.seek(-1),
    "?": () => dialog.showModal(),
  };
  if (OWN_KEYS.some(([kind, keys]) => keys.includes(event.key) && target.closest(kind))) return null;
  if (/^[1-9]$/.test(event.key)) {
    const level = viewer.run.levels[Number(event.key) - 1];
    return level ? () => viewer.goTo({level: level.key}) : null;
  }
  return acts[event.key] ?? null;
}

function keysDialog() {
  const rows = KEYS.map(([keys, told]) =>
    make("div", {}, make("dt", {textContent: keys}), make("dd", {textContent: told})));
  const dialog = make(
    "dialog", {className: "as-keys", aria: {label: "keys"}}, make("h3", {textContent: "Keys"}), make("dl", {}, ...rows),
    button("Close", () => dialog.close(), {autofocus: true}),
  );
  return dialog;
}
