// What is said: to screen readers in two live regions, and to everybody as messages that can be closed.

import { $, el, icon } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { describe, isUnderWay } from "./states.js";

const URGENT = ["failed", "update_failed", "damaged", "untrusted", "expired", "gone"];
const BUSY = ["downloading", "updating", "verifying", "committing"];
const KEPT = 3; // messages at a time
const ENDED = 50;
const history = [];
const begun = new Map(); // what version was here when a catalog's job began: the new one shows before the job is over

export const ended = () => history;
export const forget = () => history.splice(0);

function speak(region, text) {
  const line = el("p", {}, text);
  region.append(line);
  setTimeout(() => line.remove(), 10_000);
}

export const say = (text) => speak($("#polite"), text);
export const alarm = (text) => speak($("#urgent"), text);

/** Show a message; a failure stays until it is closed. */
export function toast(text, { bad = false, action = null } = {}) {
  const box = $("#toasts");
  const close = () => {
    if (item.contains(document.activeElement)) [...document.querySelectorAll("h1")].find((one) => one.checkVisibility())?.focus({ preventScroll: true });
    item.remove();
  };
  const item = el("div", { className: bad ? "toast bad" : "toast" },
    icon(bad ? "warning" : "check"), el("p", {}, text),
    action && el("button", { className: "link", on: { click: () => { close(); action.run(); } } }, action.label),
    el("button", { className: "round", aria: { label: t("do.dismiss") }, on: { click: close } }, icon("close")));
  box.append(item);
  while (box.children.length > KEPT) box.firstElementChild.remove();
  if (!bad) setTimeout(() => { if (!item.matches(":hover, :focus-within")) item.remove(); }, 10_000);
  if (bad) alarm(text); else say(text);
}

/** Tell what became of a row. */
export function tell(before, row) {
  const title = row.title, busy = BUSY.includes(row.label);
  if (!begun.has(row.id)) begun.set(row.id, before.installed_version);
  const had = busy ? row.installed_version : begun.get(row.id);
  if (!busy) begun.delete(row.id);
  if (before.label !== row.label || before.job?.gate !== row.job?.gate) tellLabel(before, row, had);
  const passed = [75, 50, 25].find((n) => percent(before) < n && percent(row) >= n && percent(row) < 100);
  if (passed && before.label === row.label) say(t("say.percent", { title, n: passed }));
}

function tellLabel(before, row, had) {
  const { title } = row;
  const says = describe(row, Date.now() / 1000, null);
  if (URGENT.includes(row.label)) {
    if (before.label === row.label) return;
    const text = t("say.problem", { title, status: says.status, detail: says.detail });
    alarm(text);
    note(text, "bad");
  } else if (row.label === "downloading" && !BUSY.includes(before.label)) say(t("say.start", { title }));
  else if (row.label === "updating" && !BUSY.includes(before.label)) say(t("say.update-start", { title }));
  else if (row.installed_version !== null && had === null) {
    const text = t("say.offline", { title });
    say(text);
    note(text, "good");
  } else if (had !== null && row.installed_version > had) {
    const text = t("say.updated", { title, got: bytes(row.downloaded_bytes), total: bytes(row.installed_bytes) });
    toast(text);
    note(text, "good");
  } else if (before.label === "removing" && row.label.startsWith("online")) {
    const text = t("say.removed", { title });
    say(text);
    note(text, "good");
  } else if (["waiting", "paused"].includes(row.label) || (row.label === "update_available" && !isUnderWay(before))) {
    say(t("say.status", { title, status: says.status }));
  }
}

function note(text, tone) {
  history.unshift({ text, tone, when: Date.now() / 1000 });
  history.splice(ENDED);
}

const percent = (row) => (row.job?.total && row.job.phase === "fetch" ? (100 * row.job.done) / row.job.total : 0);
