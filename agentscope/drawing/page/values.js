// What a text read while it decided, as words: one value, the value for two actions, or those of a loop.

function valueWords(value) {
  if ("at_text" in value || "at_network" in value) {
    if (value.at_text === value.at_network) return tell(value.at_text);
    return `▲ text ${tell(value.at_text)} · ● network ${tell(value.at_network)}`;
  }
  if (Array.isArray(value.values)) {
    const shown = value.values.map(tell).join(", ");
    return value.of > value.values.length ? `${shown}, … (of ${value.of})` : shown;
  }
  return value.label ? `${value.label} (${tell(value.value)})` : tell(value.value);
}

// By line and text of the call; a call that was made twice is told by its turn.
function valuesByCall(values) {
  const turns = new Map();
  const found = new Map();
  for (const value of values ?? []) {
    const call = `${value.line}: ${value.text}`;
    const turn = (turns.get(call) ?? 0) + 1;
    turns.set(call, turn);
    found.set(turn === 1 ? call : `${call} (${turn})`, {text: value.text, words: valueWords(value)});
  }
  return found;
}
