// Texts, numbers and times in the user's language. Messages are in de.json and en.json; a message with plural forms is
// an object by the form's name, and {n} decides which one is taken.

const LANGUAGES = ["de", "en"];
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const MINUTE = 60, HOUR = 3600, DAY = 86400;

let messages = {};
let plural, number, relative, dates, clocks, language;

export const lang = () => language;

export function choose(wished, offered = navigator.languages) {
  return [wished, ...offered.map((name) => name.slice(0, 2))].find((name) => LANGUAGES.includes(name)) ?? "en";
}

export async function speak(name) {
  const response = await fetch(new URL(`${name}.json`, import.meta.url));
  messages = await response.json();
  language = name;
  plural = new Intl.PluralRules(name);
  number = [0, 1].map((digits) => new Intl.NumberFormat(name, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  relative = new Intl.RelativeTimeFormat(name, { numeric: "always", style: "short" });
  dates = new Intl.DateTimeFormat(name, { day: "2-digit", month: name === "de" ? "2-digit" : "short", year: "numeric" });
  clocks = new Intl.DateTimeFormat(name, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  document.documentElement.lang = name;
  translate(document);
}

/** Fill in what the page marks: data-t, data-t-label, data-t-placeholder. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of root.querySelectorAll("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
}

export const has = (key) => key in messages;

export function t(key, values = {}) {
  let message = messages[key] ?? key;
  if (typeof message === "object") message = message[plural.select(values.n)] ?? message.other;
  return message.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? count(value) : value ?? "";
  });
}

export const count = (n) => number[0].format(n);

function unitOf(n) {
  let unit = 0;
  while (n >= 999.5 && unit < UNITS.length - 1) { n /= 1000; unit += 1; }
  return unit;
}

function inUnit(n, unit) {
  const value = n / 1000 ** unit;
  return number[unit > 0 && value < 99.95 && !(value === 0) ? 1 : 0].format(value);
}

/** 12,4 MB */
export function bytes(n) {
  const unit = unitOf(n);
  return `${inUnit(n, unit)}\u00a0${UNITS[unit]}`;
}

/** 4,0 von 12,4 MB: both in the unit of the whole. */
export function part(done, total) {
  const unit = unitOf(total);
  return t("part", { done: inUnit(done, unit), total: `${inUnit(total, unit)}\u00a0${UNITS[unit]}` });
}

export const rate = (n) => `${bytes(n)}/s`;

/** Round a duration as people say it. */
export function duration(seconds) {
  if (seconds < 55) return t("seconds", { n: Math.max(5, Math.round(seconds / 5) * 5) });
  if (seconds < 55 * MINUTE) return t("minutes", { n: Math.max(1, Math.round(seconds / MINUTE)) });
  return t("hours", { n: Math.max(1, Math.round(seconds / HOUR)) });
}

export function exact(seconds) {
  if (seconds < 90) return t("seconds", { n: Math.max(1, Math.ceil(seconds)) });
  return t("minutes", { n: Math.ceil(seconds / MINUTE) });
}

export function ago(moment, now) {
  const age = Math.max(0, now - moment);
  if (age < MINUTE) return t("just-now");
  if (age < HOUR) return relative.format(-Math.floor(age / MINUTE), "minute");
  if (age < DAY) return relative.format(-Math.floor(age / HOUR), "hour");
  return relative.format(-Math.floor(age / DAY), "day");
}

export const day = (moment) => dates.format(moment * 1000);
export const clock = (moment) => clocks.format(moment * 1000);
export const moment = (when) => `${day(when)}, ${clock(when)}`;

/** 20:00, or with its day when that is another one. */
export function soon(when, now) {
  return day(when) === day(now) ? clock(when) : moment(when);
}
