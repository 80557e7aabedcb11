// Light, dark, or as the system has it: on the root element, remembered where the browser allows that.

const THEMES = ["auto", "light", "dark"];
const THEME_KEY = "agentscope-theme";

function remembered() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // a file or a private window may have no storage
  }
}

function theme(wanted) {
  const root = document.documentElement;
  if (wanted === "auto") delete root.dataset.theme;
  else root.dataset.theme = wanted;
  try {
    localStorage.setItem(THEME_KEY, wanted);
  } catch {
    // it holds until the page is closed
  }
  window.dispatchEvent(new CustomEvent("agentscope:theme", {detail: {theme: wanted}}));
}

function themeButtons(element) {
  const kept = remembered();
  if (THEMES.includes(kept)) theme(kept);
  const buttons = THEMES.map((name) => button(name, () => theme(name), {data: {theme: name}}));
  function mark() {
    const current = document.documentElement.dataset.theme ?? "auto";
    for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset.theme === current));
  }
  window.addEventListener("agentscope:theme", mark);
  mark();
  element.replaceChildren(
    make("div", {className: "as-group as-themes", role: "group", aria: {label: "colours"}}, ...buttons),
  );
}
