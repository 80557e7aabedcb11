// The place in the address: read at the start, written as the reader moves, so that a link leads to the same step.

const LINKED = ["episode", "step", "track", "level", "beside"];
const OTHERWISE = {track: "network", beside: "nothing"}; // what the address need not say

function linkedPlace() {
  const query = new URLSearchParams(location.search);
  const hash = new URLSearchParams(location.hash.slice(1));
  const found = {};
  for (const name of LINKED) {
    const value = query.get(name) ?? hash.get(name);
    if (value !== null) found[name] = name === "step" ? Number.parseInt(value, 10) || 0 : value;
  }
  return found;
}

// Other parameters, such as the page's tab, stay. A file's address takes no query everywhere: its hash is written.
function writePlace(state) {
  const inHash = location.protocol === "file:";
  const query = new URLSearchParams(inHash ? location.hash.slice(1) : location.search);
  for (const name of LINKED) {
    if (state[name] === undefined || state[name] === OTHERWISE[name]) query.delete(name);
    else query.set(name, state[name]);
  }
  const rest = inHash ? `${location.search}#${query}` : `?${query}${location.hash}`;
  try {
    history.replaceState(history.state, "", rest);
  } catch {
    // browsers limit how often the address may change: the next move writes it
  }
}
