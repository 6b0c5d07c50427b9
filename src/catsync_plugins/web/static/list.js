// The list of catalogs: order, filter, search. Whatever happens to a catalog, its row stays where it is; a row that no
// longer fits the filter stays until the filter is chosen again.

import { $, el, setHidden, setText } from "./dom.js";
import { count, lang, t } from "./i18n.js";
import { RowView } from "./row.js";
import { hasUpdate, isProblem } from "./states.js";

const FILTERS = {
  all: () => true,
  offline: (row) => row.mode === "offline" || row.installed_version !== null,
  updates: (row) => hasUpdate(row),
  problems: (row) => isProblem(row),
};

const FIRST = 30, NEXT = 120; // new rows that are drawn in one frame, so that the first ones show at once

export class CatalogList {
  #rows = new Map(); #views = new Map(); #dirty = new Set(); #members = new Set();
  #filter = "all"; #query = ""; #order = "name"; #planned = false; #arranging = true; #loaded = false;

  constructor({ act, changed, drawn }) {
    this.act = act;
    this.changed = changed;
    this.drawn = drawn;
    this.list = $("#catalogs");
    this.nothing = $("#nothing");
    this.chips = {};
    for (const name of Object.keys(FILTERS)) {
      const chip = el("button", { className: "chip", on: { click: () => this.filter(name) } },
        el("span"), el("span", { className: "count" }));
      chip.dataset.filter = name;
      this.chips[name] = chip;
      $(".chips").append(chip);
    }
    $("#search").addEventListener("input", (event) => { this.#query = event.target.value; this.#rearrange(); });
    setInterval(() => this.#tick(), 1000);
  }

  get rows() { return [...this.#rows.values()]; }
  row(id) { return this.#rows.get(id); }
  view(id) { return this.#views.get(id); }

  /** Take news from the server. */
  take(news) {
    const gone = news.whole ? [...this.#rows.keys()].filter((id) => !news.rows.some((row) => row.id === id)) : news.gone;
    for (const id of gone) this.#drop(id);
    for (const row of news.rows) this.put(row, news.whole); // a server that was started anew counts from the beginning
    this.#loaded = true;
    if (gone.length) this.#arranging = true;
    this.#plan();
  }

  put(row, anew = false) {
    const before = this.#rows.get(row.id);
    if (!anew && before && before.revision > row.revision) return; // an answer that was overtaken by the stream
    this.#rows.set(row.id, row);
    this.#dirty.add(row.id);
    if (!before) this.#arranging = true;
    else this.changed(before, row, this.#views.get(row.id));
    this.#plan();
  }

  filter(name) {
    this.#filter = name;
    this.#rearrange();
  }

  order(name) {
    this.#order = name;
    this.#rearrange();
  }

  retranslate() {
    for (const view of this.#views.values()) view.retranslate();
    for (const id of this.#rows.keys()) this.#dirty.add(id);
    this.#arranging = true;
    this.#plan();
  }

  #rearrange() {
    this.#members.clear();
    this.#arranging = true;
    this.#plan();
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    requestAnimationFrame(() => { this.#planned = false; this.#draw(); });
  }

  #draw() {
    const now = Date.now() / 1000;
    const touched = this.#dirty.size > 0 || this.#arranging;
    const dirty = this.#due();
    for (const id of dirty) {
      const row = this.#rows.get(id);
      if (!this.#views.has(id)) {
        this.#views.set(id, new RowView(row, this.act));
        this.#arranging = true;
      }
      this.#views.get(id).show(row, now);
    }
    if (this.#arranging) { this.#arranging = false; this.#arrange(); } else if (touched) this.#refilter();
    if (touched) { this.#drawChips(); this.drawn(this.rows); }
    if (this.#dirty.size) this.#plan();
  }

  /** Return what is drawn in this frame; of new rows the first ones, and the others wait for the next frames. */
  #due() {
    const known = [...this.#dirty].filter((id) => this.#views.has(id));
    const fresh = this.#sorted(this.rows.filter((row) => !this.#views.has(row.id)));
    const due = [...known, ...fresh.slice(0, this.#views.size ? NEXT : FIRST).map((row) => row.id)];
    for (const id of this.#dirty) if (!this.#rows.has(id)) this.#dirty.delete(id);
    for (const id of due) this.#dirty.delete(id);
    return due;
  }

  #sorted(rows) {
    const compare = new Intl.Collator(lang(), { numeric: true }).compare;
    const orders = {
      name: () => 0,
      size: (a, b) => b.bytes - a.bytes,
      date: (a, b) => b.head_published - a.head_published,
    };
    return rows.sort((a, b) => orders[this.#order](a, b) || compare(a.title, b.title) || compare(a.id, b.id));
  }

  #fits(row) {
    const query = this.#query.trim().toLocaleLowerCase(lang());
    const found = !query || row.title.toLocaleLowerCase(lang()).includes(query) || row.id.includes(query);
    return found && (FILTERS[this.#filter](row) || this.#members.has(row.id));
  }

  #arrange() {
    let place = this.list.firstElementChild;
    for (const row of this.#sorted(this.rows.filter((one) => this.#views.has(one.id)))) {
      const element = this.#views.get(row.id).element;
      if (element === place) place = place.nextElementSibling;
      else if (this.list.moveBefore && element.isConnected) this.list.moveBefore(element, place);
      else this.list.insertBefore(element, place);
    }
    this.#refilter();
  }

  #refilter() {
    let shown = 0;
    for (const row of this.#rows.values()) {
      const fits = this.#fits(row);
      if (fits) { shown += 1; this.#members.add(row.id); }
      const view = this.#views.get(row.id);
      if (view) setHidden(view.element, !fits);
    }
    if (this.#loaded) this.#drawNothing(shown);
  }

  #drawNothing(shown) {
    const none = shown === 0 && this.#rows.size > 0;
    setHidden(this.list, shown === 0);
    setHidden($("#finding"), this.#rows.size === 0);
    if (this.#rows.size === 0) return;
    setHidden(this.nothing, !none);
    if (!none) return;
    const key = this.#query.trim() || this.#filter === "all" ? "nothing" : `nothing.${this.#filter}`;
    this.nothing.replaceChildren(
      el("p", {}, t(key)),
      el("button", { className: "button", on: { click: () => this.#showAll() } }, t("nothing.all")),
    );
  }

  #showAll() {
    $("#search").value = this.#query = "";
    this.filter("all");
    this.list.hidden = false;
    this.list.focus({ preventScroll: true });
  }

  #drawChips() {
    for (const [name, chip] of Object.entries(this.chips)) {
      const fitting = this.rows.filter(FILTERS[name]).length;
      setText(chip.firstElementChild, t(`filter.${name}`));
      setText(chip.lastElementChild, count(fitting));
      chip.setAttribute("aria-pressed", String(name === this.#filter));
    }
  }

  #drop(id) {
    const view = this.#views.get(id);
    if (view?.element.contains(document.activeElement)) this.list.focus({ preventScroll: true });
    view?.element.remove();
    this.#rows.delete(id);
    this.#views.delete(id);
    this.#members.delete(id);
  }

  #tick() {
    const now = Date.now() / 1000;
    const calm = Math.floor(now) % 30 === 0;
    for (const row of this.#rows.values()) {
      if (row.job || calm) this.#views.get(row.id)?.show(row, now);
    }
  }
}
