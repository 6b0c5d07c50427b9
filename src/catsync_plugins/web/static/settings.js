// What this browser remembers of the page: language, theme, order. Nothing else is stored.

function read(name) {
  try { return localStorage.getItem(`catsync-${name}`); } catch { return null; }
}

export function remember(name, value) {
  try { localStorage.setItem(`catsync-${name}`, value); } catch { /* private windows may forbid it */ }
}

export const remembered = read;

export function showTheme(name) {
  document.documentElement.dataset.theme = name;
}
