// One catalog in the list. A row keeps its place and its elements; only what changed is written.

import { $, setAttr, setHidden, setText } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { Meter } from "./meter.js";
import { describe, isUnderWay } from "./states.js";

const FIXED = ["committing", "removing", "rolling_back"]; // what cannot be interrupted
const LOUD = ["update", "repair", "now", "resume", "retry"];

export class RowView {
  #shown = -1; #job = ""; #meter = null;

  constructor(row, act) {
    this.row = row;
    this.element = $("#row").content.firstElementChild.cloneNode(true);
    const find = (selector) => $(selector, this.element);
    this.parts = {
      use: find("use"), glyph: find(".glyph"), title: find(".title"), status: find(".status"), facts: find(".facts"),
      news: find(".news"), bar: find(".bar"), fill: find(".bar span"), primary: find(".primary"),
      offline: find(".offline"), auto: find(".auto"), info: find(".info"), menu: find(".menu-opener"),
      hintOffline: find(".hint-offline"), hintAuto: find(".hint-auto"),
    };
    const { title, status, news, primary, offline, auto, info, menu, hintOffline, hintAuto, bar } = this.parts;
    const id = `c-${row.id}`;
    title.id = `${id}-title`;
    status.id = `${id}-status`;
    hintOffline.id = `${id}-hint`;
    hintAuto.id = `${id}-hint-auto`;
    title.href = `#/files/${encodeURIComponent(row.id)}/`;
    for (const [part, key] of [[offline, "offline"], [auto, "auto"]]) {
      part.nextElementSibling.id = `${id}-${key}`;
      part.setAttribute("aria-labelledby", `${id}-title ${id}-${key}`);
    }
    offline.setAttribute("aria-describedby", `${id}-status ${id}-hint`);
    auto.setAttribute("aria-describedby", `${id}-hint-auto`);
    primary.setAttribute("aria-describedby", `${id}-title ${id}-status`);
    news.setAttribute("aria-describedby", `${id}-title`);
    bar.setAttribute("aria-labelledby", `${id}-title ${id}-status`);
    news.addEventListener("click", () => act("news", this.row));
    // A double click is one: with the first one the button may mean something else already.
    const once = (part, run) => part.addEventListener("click", (event) => {
      if (event.detail < 2 && part.getAttribute("aria-disabled") !== "true") run();
    });
    once(primary, () => act(primary.dataset.act, this.row));
    once(offline, () => act("toggle-offline", this.row, this));
    once(auto, () => act("toggle-auto", this.row, this));
    info.addEventListener("click", () => act("info", this.row));
    menu.addEventListener("click", () => act("menu", this.row, this));
    this.retranslate();
  }

  retranslate() {
    const { offline, auto, news } = this.parts;
    setText(offline.nextElementSibling, t("offline"));
    setText(auto.nextElementSibling, t("auto"));
    setText(news, t("do.news"));
  }

  /** Show a row as it is now. */
  show(row, now) {
    this.row = row;
    const job = row.job && isUnderWay(row) ? `${row.job.kind} ${row.label} ${row.job.phase}` : "";
    if (job !== this.#job) {
      if (!job || job.split(" ")[0] !== this.#job.split(" ")[0]) this.#shown = -1;
      this.#job = job;
      this.#meter = row.job?.running ? new Meter() : null;
    }
    if (this.#meter && row.job) this.#meter.add(row.job.done, now);
    this.#draw(describe(row, now, this.#meter), row);
  }

  /** Show a wish at once, before the server has taken it. */
  wish(part, on) {
    setAttr(this.parts[part], "aria-checked", String(on));
  }

  #draw(says, row) {
    const { use, glyph, title, status, facts, news, offline, auto, hintOffline, hintAuto, info, menu } = this.parts;
    setAttr(use, "href", `#i-${says.icon}`);
    setAttr(this.element, "data-tone", says.tone);
    setAttr(this.element, "data-label", row.label);
    setAttr(this.element, "data-id", row.id);
    setText(title, row.title);
    setText(status, says.status);
    setText(facts, says.detail);
    setHidden(news, !says.news);
    this.#drawPrimary(says.primary, row);
    this.#drawBar(says.progress);
    const isOffline = row.mode === "offline";
    setAttr(offline, "aria-checked", String(isOffline));
    setAttr(offline, "aria-disabled", FIXED.includes(row.label) && !row.job?.gate ? "true" : null);
    const installed = row.installed_version !== null;
    setText(hintOffline, isOffline
      ? (installed ? t("hint.delete", { size: bytes(row.installed_bytes) }) : "")
      : t("hint.download", { size: bytes(row.bytes) }));
    setAttr(auto, "aria-checked", String(row.auto_sync));
    setAttr(auto, "aria-disabled", isOffline ? null : "true");
    setText(hintAuto, t(isOffline ? "hint.auto" : "hint.auto-online"));
    setAttr(info, "aria-label", t("info", { title: row.title }));
    setAttr(menu, "aria-label", t("more", { title: row.title }));
    setAttr(glyph, "data-turns", ["downloading", "updating", "verifying", "repairing"].includes(row.label) ? "" : null);
  }

  #drawPrimary(action, row) {
    const { primary, status } = this.parts;
    if ((primary.dataset.act ?? "") !== (action ?? "")) {
      // A button that goes, or means something else now, must not keep the focus, nor lose it to nowhere.
      if (document.activeElement === primary) status.focus({ preventScroll: true });
      if (action) primary.dataset.act = action;
      else delete primary.dataset.act;
    }
    setHidden(primary, !action);
    if (action) {
      const size = action === "repair" && row.update?.bytes ? ` (${bytes(row.update.bytes)})` : "";
      setText(primary, t(`do.${action}`) + size);
    }
    primary.classList.toggle("strong", LOUD.includes(action));
  }

  #drawBar(progress) {
    const { bar, fill } = this.parts;
    if (!progress) {
      for (const name of ["role", "aria-valuenow", "aria-valuemin", "aria-valuemax", "aria-valuetext"]) bar.removeAttribute(name);
      setHidden(bar, true);
      return;
    }
    setHidden(bar, false);
    setAttr(bar, "role", "progressbar");
    const value = Math.max(progress.value, this.#shown); // never back
    this.#shown = value;
    setAttr(bar, "aria-valuemin", "0");
    setAttr(bar, "aria-valuemax", "100");
    setAttr(bar, "aria-valuenow", String(Math.floor(value * 100)));
    setAttr(bar, "aria-valuetext", progress.text || null);
    setAttr(bar, "data-still", progress.still ? "" : null);
    fill.style.transform = `scaleX(${value.toFixed(4)})`;
  }

  get shown() { return this.#shown; }
}
