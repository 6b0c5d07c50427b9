// Dialogs and the menu. The browser keeps the focus inside, closes by Esc and gives the focus back.

import { $, el, icon, setText } from "./dom.js";
import * as i18n from "./i18n.js";

const { t, bytes } = i18n;
const PAGE = 50; // changed files shown at once
let number = 0;

/** Ask something; resolves to the value of the button that was pressed, or null. */
export function ask({ title, body = [], actions = [], sheet = false, focus = 0, className = "" }) {
  return new Promise((resolve) => {
    const id = `dialog-${number += 1}`;
    const buttons = actions.map(({ label, value, strong, danger, run }) => el("button", {
      className: `button${strong ? " strong" : ""}${danger ? " danger" : ""}`,
      on: { click: () => (run ? run() : dialog.close(value)) },
    }, label));
    const dialog = el("dialog", { className: `${sheet ? "sheet" : "box"} ${className}`, aria: { labelledby: id } },
      el("div", { className: "top" }, el("h2", { id, dir: "auto" }, title),
        el("button", { className: "round", aria: { label: t("do.close") }, on: { click: () => dialog.close("") } }, icon("close"))),
      el("div", { className: "middle", tabIndex: sheet ? 0 : -1 }, ...body),
      buttons.length > 0 && el("div", { className: "bottom" }, ...buttons));
    dialog.setAttribute("closedby", "any");
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue || null); });
    document.body.append(dialog);
    dialog.showModal();
    (typeof focus === "number" ? buttons[focus] : $(focus, dialog))?.focus();
  });
}

const cancel = () => ({ label: t("do.cancel"), value: "" });

export function askOnline(row, reachable) {
  const body = [el("p", {}, t("online.text", { size: bytes(row.installed_bytes + row.kept_bytes) }))];
  if (!row.offered) body[0] = el("p", {}, t("online.gone"));
  if (!reachable && row.offered) body.push(el("p", { className: "warning" }, icon("warning"), t("online.unreachable")));
  const label = t(reachable && row.offered ? "online.delete" : "online.delete-anyway");
  return ask({
    title: t("online.title", { title: row.title }),
    body,
    actions: [cancel(), { label, value: "yes", danger: true }],
  });
}

export function askSpace(row, free, others) {
  const largest = others.filter((other) => other.id !== row.id && other.installed_bytes > 0)
    .sort((a, b) => b.installed_bytes - a.installed_bytes).slice(0, 3);
  return ask({
    title: t("space.title"),
    body: [
      el("p", {}, t("space.text", { title: row.title, need: bytes(row.bytes), free: bytes(free) })),
      largest.length > 0 && el("p", {}, t("space.largest")),
      largest.length > 0 && el("ul", { className: "facts-list" },
        ...largest.map((other) => el("li", {}, el("span", { dir: "auto" }, other.title), el("span", {}, bytes(other.installed_bytes))))),
    ],
    actions: [cancel(), { label: t("space.anyway"), value: "yes" }],
  });
}

export function askNow(row, size) {
  const metered = row.job?.gate === "metered";
  const reason = metered ? t("now.metered") : row.job?.reason ?? "";
  return ask({
    title: t("now.title", { title: row.title }),
    body: [el("p", {}, t("now.text", { size: bytes(size), reason }))],
    actions: [{ label: t(metered ? "now.wait-wifi" : "now.wait"), value: "" }, { label: t("do.now"), value: "yes", strong: true }],
  });
}

export function askRollback(row) {
  const version = String(row.previous_version);
  return ask({
    title: t("rollback.title", { version }),
    body: [el("p", {}, t("rollback.text", { title: row.title, version }))],
    actions: [cancel(), { label: t("rollback.do"), value: "yes", strong: true }],
  });
}

export function explainDistrust(row) {
  return ask({
    title: t("untrusted.title"),
    body: [el("p", {}, t("untrusted.text")), row.problem && el("p", { className: "quote" }, row.problem)],
    actions: [{ label: t("do.close"), value: "" }],
  });
}

/** Ask for a repository's address; `add` throws when it cannot be had. */
export async function askRepository(add, explain) {
  const input = el("input", { id: "repository", type: "text", autocomplete: "off", spellcheck: false, inputMode: "url", required: true });
  input.setAttribute("aria-describedby", "repository-hint repository-error");
  const error = el("p", { id: "repository-error", className: "wrong", role: "alert" });
  const send = async () => {
    if (!input.value.trim()) { input.focus(); return; }
    setText(error, "");
    try {
      await add(input.value.trim());
      input.closest("dialog").close("yes");
    } catch (problem) {
      setText(error, explain(problem));
      input.focus();
    }
  };
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") send(); });
  return ask({
    title: t("add.title"),
    body: [el("label", { htmlFor: "repository" }, t("add.label")), input,
      el("p", { id: "repository-hint", className: "hint" }, t("add.hint")), error],
    actions: [cancel(), { label: t("add.do"), strong: true, run: send }],
    focus: "#repository",
  });
}

/** What is new; `load` fetches the lists. */
export function showNews(row, load, explain) {
  const body = el("div", { className: "news-body" }, el("p", { role: "status" }, t("changes.loading")));
  load().then((changes) => body.replaceChildren(...newsOf(row, changes)), (error) => {
    body.replaceChildren(el("p", { className: "wrong", role: "alert" }, explain(error)));
  });
  return ask({
    title: t("changes.title", { title: row.title }),
    body: [body],
    sheet: true,
    actions: [{ label: t("do.update"), value: "update", strong: true }, { label: t("do.later"), value: "" }, { label: t("do.skip"), value: "skip" }],
  });
}

function newsOf(row, changes) {
  const nodes = [el("p", { className: "hint" }, t("changes.versions", {
    from: String(changes.from_version), to: String(changes.to_version), date: i18n.day(changes.published),
  }))];
  if (row.update) nodes.push(el("p", {}, t("changes.download", { size: bytes(row.update.bytes) })));
  if (changes.note) nodes.push(el("h3", {}, t("changes.note")), el("p", { className: "note", dir: "auto" }, changes.note));
  for (const kind of ["added", "changed", "removed"]) {
    if (changes[kind].length) nodes.push(el("h3", {}, t(`changes.${kind}`, { n: changes[kind].length })), fileList(changes[kind]));
  }
  return nodes;
}

function fileList(files) {
  const list = el("ul", { className: "facts-list" });
  const rest = [...files];
  const more = el("button", { className: "link", on: { click: () => grow() } });
  const box = el("div", {}, list, more);
  function grow() {
    const next = rest.splice(0, PAGE).map((file) => el("li", { tabIndex: -1 }, el("span", { dir: "auto" }, file.path), el("span", {}, bytes(file.bytes))));
    list.append(...next);
    if (document.activeElement === more) next[0]?.focus();
    setText(more, t("changes.more", { n: Math.min(PAGE, rest.length) }));
    more.hidden = rest.length === 0;
  }
  grow();
  return box;
}

/** The activity: what is under way, what waits, what has ended. */
export function showActivity(rows, ended, describe, forget) {
  const past = el("ul", { className: "facts-list" }, ...ended.map(({ text, tone, when }) => el("li", { data: { tone } },
    el("span", { dir: "auto" }, text), el("time", { dateTime: new Date(when * 1000).toISOString() }, i18n.clock(when)))));
  const pastPart = el("div", {}, el("h3", {}, t("activity.ended")), past,
    el("button", { className: "link", on: { click: () => { forget(); pastPart.remove(); } } }, t("activity.clear")));
  return ask({
    title: t("activity.title"),
    sheet: true,
    body: [
      rows.length === 0 && el("p", {}, t("activity.none")),
      rows.length > 0 && el("h3", {}, t("activity.now")),
      rows.length > 0 && el("ul", { className: "facts-list" }, ...rows.map((row) => el("li", {},
        el("span", { dir: "auto" }, row.title), el("span", {}, describe(row))))),
      ended.length > 0 && pastPart,
    ],
    actions: [{ label: t("do.close"), value: "" }],
  });
}

/** Open a menu below its button: items are {label, run}. */
export function openMenu(opener, items) {
  const menu = $("#menu");
  menu.setAttribute("aria-label", opener.getAttribute("aria-label"));
  menu.replaceChildren(...items.map(({ label, run, href }) => (href
    ? el("a", { href, on: { click: () => menu.hidePopover() } }, label)
    : el("button", { on: { click: () => { menu.hidePopover(); run(); } } }, label))));
  const settle = (event) => {
    if (event.newState !== "closed") return;
    opener.setAttribute("aria-expanded", "false");
    menu.removeEventListener("toggle", settle);
    if (!document.activeElement || document.activeElement === document.body) opener.focus({ preventScroll: true });
  };
  menu.addEventListener("toggle", settle);
  menu.showPopover();
  opener.setAttribute("aria-expanded", "true");
  const place = opener.getBoundingClientRect(), size = menu.getBoundingClientRect();
  const below = place.bottom + size.height + 8 < innerHeight;
  menu.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - size.height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(place.right - size.width, innerWidth - size.width - 8))}px`;
  menu.firstElementChild.focus();
  menu.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...menu.children];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  };
}
