// Starts the page and joins its parts: the list, what the user does, and what the server says.

import * as api from "./api.js";
import * as dialogs from "./dialogs.js";
import { $, el, icon, setHidden, setText } from "./dom.js";
import { Files } from "./files.js";
import * as i18n from "./i18n.js";
import { showInfo } from "./info.js";
import { CatalogList } from "./list.js";
import * as live from "./live.js";
import { watchPull } from "./pull.js";
import { remember, remembered, showTheme } from "./settings.js";
import { describe, hasUpdate, isPausable, isUnderWay, toFetch } from "./states.js";

const { t, bytes } = i18n;
const FRESH = 10; // seconds for which the result of a check counts

let device = null;
let checking = false;
let lastResult = null;

const explain = (error) => {
  const key = `error.${error.code}`;
  if (i18n.has(key) && error.code !== "local" && error.code !== "not_found") return t(key);
  return error.body?.message ? [error.body.message, error.body.hint].filter(Boolean).join(". ") : t("error.other");
};

const list = new CatalogList({ act, changed: live.tell, drawn: drawTools });
const files = new Files({ origin: contentOrigin, row: (id) => list.row(id), explain });

function contentOrigin() {
  return device?.content ? `http://${location.hostname}:${device.content}` : "";
}

// --- what the user does ---

async function command(row, name, extra = {}) {
  try {
    const answer = await api.post("api/command", { name, catalog: row.id, revision: row.revision, ...extra });
    if (answer.row) list.put(answer.row);
    return true;
  } catch (error) {
    if (error.status === 409 && error.body.row) {
      list.put(error.body.row);
      live.toast(t("result.stale", { title: row.title }));
    } else if (error.status !== 0) {
      live.toast(`${row.title}: ${explain(error)}`, { bad: true });
    }
    const current = list.row(row.id);
    if (current) list.view(row.id)?.show(current, Date.now() / 1000);
    return false;
  }
}

const ACTIONS = {
  update: (row) => command(row, "update"),
  pause: (row) => command(row, "pause"),
  resume: (row) => command(row, "resume"),
  retry: (row) => command(row, "resume"),
  repair: (row) => command(row, "repair"),
  check: (row) => check([row.id]),
  details: (row) => dialogs.explainDistrust(row),
  remove: (row) => goOnline(row),
  verify: (row) => command(row, "verify"),
  skip: (row) => command(row, "skip"),
  cancel: (row) => command(row, "cancel"),
  async now(row) {
    if (await dialogs.askNow(row, toFetch(row)) === "yes") await command(list.row(row.id), "resume", { consent: true });
  },
  async rollback(row) {
    if (await dialogs.askRollback(row) === "yes") await command(list.row(row.id), "rollback");
  },
  async news(row) {
    const answer = await dialogs.showNews(row, () => api.post("api/changes", { catalog: row.id }), explain);
    if (answer) await command(list.row(row.id), answer);
  },
  async info(row) {
    try {
      const info = await api.get(`api/catalogs/${encodeURIComponent(row.id)}`);
      await showInfo(list.row(row.id), info, {
        verify: () => command(list.row(row.id), "verify"),
        copied: () => live.toast(t("result.copied")),
      });
    } catch (error) {
      if (error.status !== 0) live.toast(explain(error), { bad: true });
    }
  },
  menu(row, view) {
    dialogs.openMenu(view.parts.menu, menuOf(row));
  },
  async "toggle-offline"(row, view) {
    if (row.mode === "offline") {
      if (row.installed_version !== null) await goOnline(row);
      else {
        view.wish("offline", false);
        await command(row, row.job ? "cancel" : "online", row.job ? {} : { force: true });
      }
      return;
    }
    if (device && row.installed_version === null && row.bytes > device.free) {
      if (await dialogs.askSpace(row, device.free, list.rows) !== "yes") return;
    }
    view.wish("offline", true);
    await command(list.row(row.id), "offline");
  },
  async "toggle-auto"(row, view) {
    view.wish("auto", !row.auto_sync);
    await command(row, "auto-sync", { on: !row.auto_sync });
  },
};

function act(name, row, view) {
  return ACTIONS[name]?.(row, view);
}

async function goOnline(row) {
  const reachable = !device?.unreachable && row.label !== "online_unreachable";
  if (await dialogs.askOnline(row, reachable) !== "yes") return;
  const current = list.row(row.id);
  list.view(row.id)?.wish("offline", false);
  await command(current, "online", { force: !reachable || !row.offered });
}

function menuOf(row) {
  const installed = row.installed_version !== null, idle = !row.job;
  const item = (name, when) => (when ? [{ label: t(`do.${name}`), run: () => act(name, list.row(row.id)) }] : []);
  return [
    { label: t("do.files"), href: `#/files/${encodeURIComponent(row.id)}/` },
    ...item("check", row.offered),
    ...item("news", hasUpdate(row)),
    ...item("skip", hasUpdate(row) && idle),
    ...item("verify", installed && idle),
    ...item("repair", installed && idle && row.label === "damaged"),
    ...item("rollback", row.previous_version !== null && idle),
    ...(row.job && row.job.kind !== "remove" && row.job.kind !== "verify"
      ? [{ label: t("do.cancel-job"), run: () => act("cancel", list.row(row.id)) }] : []),
    ...item("remove", installed && idle),
  ];
}

async function check(catalogs = []) {
  if (checking) return;
  const now = Date.now() / 1000;
  if (lastResult && catalogs.length === 0 && now - lastResult < FRESH) {
    live.toast(t("result.current-since", { ago: i18n.ago(lastResult, now) }));
    return;
  }
  checking = true;
  drawCheck();
  try {
    const results = await api.post("api/check", { catalogs });
    const failed = results.filter((result) => result.error);
    const updates = results.flatMap((result) => result.updates);
    lastResult = failed.length || updates.length ? null : Date.now() / 1000;
    if (failed.length && failed.length === results.length) {
      const quiet = failed.every((result) => ["no_connection", "server", "remote"].includes(result.code));
      live.toast(quiet ? t("result.unreachable-text") : explain({ code: failed[0].code, body: { message: failed[0].error } }), { bad: !quiet });
    } else if (updates.length) live.toast(t("result.updates", { n: updates.length }));
    else live.toast(failed.length ? t("result.some", { n: failed.length }) : t("result.current"));
  } catch (error) {
    if (error.status !== 0) live.toast(explain(error), { bad: true });
  } finally {
    checking = false;
    drawCheck();
  }
}

async function each(rows, name) {
  for (const { id } of rows) {
    const row = list.row(id);
    if (row) await command(row, name);
  }
}

async function addRepository() {
  const answer = await dialogs.askRepository((repository) => api.post("api/add", { repository }), explain);
  if (answer) live.toast(t("result.added"));
}

// --- what the page says about all catalogs ---

const withUpdate = (rows) => rows.filter((row) => hasUpdate(row) && ["update_available", "update_failed"].includes(row.label));

function drawTools(rows) {
  const updates = withUpdate(rows);
  const all = $("#update-all");
  setShown(all, updates.length > 0);
  const known = updates.every((row) => row.update);
  const size = bytes(updates.reduce((sum, row) => sum + (row.update?.bytes ?? 0), 0));
  setText(all, t(known ? "update-all" : "update-all-unknown", { n: updates.length, size }));
  const pausable = rows.filter(isPausable), paused = rows.filter((row) => row.label === "paused");
  const hold = $("#hold-all");
  setShown(hold, pausable.length + paused.length > 1);
  setText(hold, t(pausable.length ? "pause-all" : "resume-all"));
  const working = rows.filter(isUnderWay);
  setShown($("#activity"), working.length + live.ended().length > 0);
  setText($("#activity"), t("activity", { n: working.length }));
  drawEmpty(rows);
}

/** Hide or show a button of the tools; the focus does not get lost with it. */
function setShown(button, shown) {
  if (!shown && document.activeElement === button) $("#check").focus({ preventScroll: true });
  setHidden(button, !shown);
}

function drawEmpty(rows) {
  if (rows.length || !device) return;
  const place = $("#nothing");
  setHidden(place, false);
  const none = device.repositories === 0;
  place.replaceChildren(icon("cloud", "icon large"), el("h3", {}, t("empty.title")),
    el("p", {}, t(none ? "empty.text" : "empty.offered")),
    el("button", { className: "button strong", on: { click: addRepository } }, t("empty.add")));
}

function drawDevice() {
  if (!device) return;
  const now = Date.now() / 1000;
  const metered = list.rows.some((row) => row.job?.gate === "metered");
  const state = device.repositories === 0 ? "none" : device.unreachable ? "no" : metered ? "metered" : "yes";
  setText($("#connection"), t(`connection.${state}`));
  $("#connection").dataset.state = state;
  setText($("#storage"), t("storage", { used: bytes(device.used), free: bytes(device.free) }));
  const whole = device.used + device.free;
  $("#meter span").style.transform = `scaleX(${whole ? Math.max(0.004, device.used / whole) : 0})`;
  const facts = [device.checked_at ? t("checks.last", { ago: i18n.ago(device.checked_at, now) }) : t("checks.never")];
  if (device.next_check_at > now) facts.push(t("checks.next", { time: i18n.soon(device.next_check_at, now) }));
  setText($("#checks"), facts.join(" · "));
  setText($("#version"), t("version", { version: device.version }));
  drawCheck();
}

function drawCheck() {
  const button = $("#check"), busy = checking || Boolean(device?.checking);
  button.classList.toggle("turning", busy);
  button.setAttribute("aria-disabled", String(checking));
  setText($("span", button), t(busy ? "checking" : "check"));
  document.body.classList.toggle("checking", busy);
}

function connected(yes) {
  setText($(".banner"), yes ? "" : t("banner.lost"));
  setHidden($(".banner"), yes);
  document.body.classList.toggle("lost", !yes);
}

function needLink() {
  const page = $(".page");
  for (const part of page.children) setHidden(part, true);
  page.append(el("main", { className: "nothing" }, icon("shield", "icon large"), el("h1", { tabIndex: -1 }, t("session.title")),
    el("p", {}, t("session.text")), el("p", {}, el("code", {}, "catsync ui"))));
  setHidden($(".banner"), true);
  $("main:last-child h1", page).focus();
}

function take(news) {
  if (news.device) device = news.device;
  list.take(news);
  drawDevice();
  drawTools(list.rows);
}

// --- start ---

let visited = false;

/** Show the folder that the address names, once the catalogs are known. */
function visit() {
  if (!visited && location.hash.startsWith("#/")) files.visit();
  visited = true;
}

async function speak(name) {
  await i18n.speak(name);
  document.title = `${t("title")} – catsync`;
  list.retranslate();
  drawDevice();
  if (device) drawTools(list.rows);
}

function start() {
  showTheme(remembered("theme") ?? "auto");
  const ready = i18n.speak(i18n.choose(remembered("language"))).then(prepare);
  api.logIn().then(() => api.listen({
    news: async (news) => { await ready; take(news); visit(); },
    connected: async (yes) => { await ready; connected(yes); },
    refused: async () => { await ready; needLink(); },
  }));
}

/** Let the page's own controls work, once there are texts. */
function prepare() {
  document.title = `${t("title")} – catsync`;
  const language = $("#language"), theme = $("#theme"), order = $("#sort");
  language.value = i18n.lang();
  theme.value = remembered("theme") ?? "auto";
  order.value = remembered("order") ?? "name";
  list.order(order.value);
  language.addEventListener("change", async () => { remember("language", language.value); await speak(language.value); files.visit(); });
  theme.addEventListener("change", () => { remember("theme", theme.value); showTheme(theme.value); });
  order.addEventListener("change", () => { remember("order", order.value); list.order(order.value); });
  $("#check").addEventListener("click", () => check());
  $("#update-all").addEventListener("click", () => each(withUpdate(list.rows), "update"));
  $("#hold-all").addEventListener("click", () => {
    const pausable = list.rows.filter(isPausable);
    each(pausable.length ? pausable : list.rows.filter((row) => row.label === "paused"), pausable.length ? "pause" : "resume");
  });
  $("#activity").addEventListener("click", () => dialogs.showActivity(
    list.rows.filter(isUnderWay), live.ended(), (row) => describe(row, Date.now() / 1000, null).status, live.forget));
  $("#add").addEventListener("click", addRepository);
  watchPull(() => check());
  addEventListener("hashchange", async () => {
    if (await files.visit() || location.hash.startsWith("#catalogs")) return;
    (document.getElementById(`c-${files.left}-title`) ?? $("h1")).focus(); // back to where the user came from
  });
  setInterval(drawDevice, 30_000);
}

start();
