// A catalog's content: folders, files and previews. Content comes from another origin, where it cannot act; pictures
// and films ask for it by CORS, as browsers do not take two ports of an IP address for one site.

import { $, el, icon, setHidden } from "./dom.js";
import { ask } from "./dialogs.js";
import * as i18n from "./i18n.js";

const { t, bytes } = i18n;
const TEXT_BYTES = 200_000;
const KINDS = {
  image: ["avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "svg", "webp"],
  video: ["m4v", "mov", "mp4", "ogv", "webm"],
  audio: ["aac", "flac", "m4a", "mp3", "oga", "ogg", "wav"],
  page: ["pdf", "htm", "html", "xhtml"],
  text: ["csv", "css", "geojson", "js", "json", "md", "mjs", "txt", "vtt", "xml"],
};

const kindOf = (name) => {
  const extension = name.includes(".") ? name.split(".").pop().toLowerCase() : "";
  return Object.keys(KINDS).find((kind) => KINDS[kind].includes(extension)) ?? "other";
};
const encode = (path) => path.split("/").map(encodeURIComponent).join("/");

export class Files {
  constructor({ origin, row, explain }) {
    this.origin = origin;
    this.row = row;
    this.explain = explain;
    this.left = ""; // the catalog that was looked at last
    this.place = $("#files");
  }

  /** Show the folder that the address names; returns whether it names one. */
  async visit() {
    const found = /^#\/files\/([^/]+)\/(.*)$/.exec(location.hash);
    setHidden($("#overview"), Boolean(found));
    setHidden($("header"), Boolean(found));
    setHidden(this.place, !found);
    if (!found) return false;
    const id = decodeURIComponent(found[1]), path = decodeURIComponent(found[2]).replace(/\/$/, "");
    this.left = id;
    await this.#show(id, path);
    return true;
  }

  async #show(id, path) {
    const title = this.row(id)?.title ?? id;
    const heading = el("h1", { tabIndex: -1, dir: "auto" }, path ? path.split("/").pop() : title);
    const body = el("div", { className: "files-body" }, el("p", { role: "status" }, t("files.loading")));
    this.place.replaceChildren(this.#crumbs(id, title, path), heading, body);
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
    const origin = this.origin();
    if (!origin) { body.replaceChildren(el("p", {}, t("files.elsewhere"))); return; }
    try {
      const response = await fetch(`${origin}/${id}/${encode(path)}`, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(await response.text());
      const folder = await response.json();
      body.replaceChildren(...this.#listing(origin, id, folder));
    } catch (error) {
      body.replaceChildren(el("p", { className: "wrong", role: "alert" }, t("files.failed")), el("p", { className: "hint" }, error.message));
    }
  }

  #crumbs(id, title, path) {
    const parts = path ? path.split("/") : [];
    const links = [el("li", {}, el("a", { href: "#" }, icon("back"), t("files.back")))];
    if (path) links.push(el("li", {}, el("a", { href: `#/files/${encodeURIComponent(id)}/`, dir: "auto" }, title)));
    parts.slice(0, -1).forEach((name, n) => links.push(el("li", {},
      el("a", { href: `#/files/${encodeURIComponent(id)}/${encode(parts.slice(0, n + 1).join("/"))}`, dir: "auto" }, name))));
    return el("nav", { className: "crumbs", aria: { label: t("files.up") } }, el("ol", {}, ...links));
  }

  #listing(origin, id, folder) {
    const here = this.row(id)?.installed_version !== null;
    const facts = `${t("files.version", { version: String(folder.version) })} · ${t(here ? "files.from-device" : "files.from-backend")}`;
    const entries = [
      ...folder.folders.map((name) => this.#folder(id, folder.path, name)),
      ...folder.files.map((file) => this.#file(origin, id, file, here)),
    ];
    const rest = entries.splice(200);
    const list = el("ul", { className: "files" }, ...entries);
    const more = rest.length > 0 && el("button", { className: "button", on: { click: () => {
      const next = rest.splice(0, 200);
      list.append(...next);
      next[0].firstElementChild.focus();
      if (rest.length === 0) more.remove(); else more.textContent = t("changes.more", { n: Math.min(200, rest.length) });
    } } }, t("changes.more", { n: Math.min(200, rest.length) }));
    return [
      el("p", { className: "hint" }, facts),
      folder.folders.length + folder.files.length === 0 ? el("p", {}, t("files.empty")) : list,
      more,
    ].filter(Boolean);
  }

  #folder(id, path, name) {
    const inner = path ? `${path}/${name}` : name;
    return el("li", {}, el("a", { href: `#/files/${encodeURIComponent(id)}/${encode(inner)}` },
      el("span", { className: "thumb" }, icon("folder")), el("span", { className: "file-name", dir: "auto" }, name),
      el("span", { className: "size" }, t("files.folder"))));
  }

  #file(origin, id, file, here) {
    const name = file.path.split("/").pop(), kind = kindOf(name), url = `${origin}/${id}/${encode(file.path)}`;
    const thumb = kind === "image" && here
      ? el("img", { crossOrigin: "anonymous", loading: "lazy", decoding: "async", alt: "", src: url })
      : icon("file");
    return el("li", {}, el("a", { href: url, target: "_blank", rel: "noopener", on: { click: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      preview(name, kind, url, file.size);
    } } }, el("span", { className: "thumb" }, thumb), el("span", { className: "file-name", dir: "auto" }, name),
      el("span", { className: "size" }, bytes(file.size))));
  }
}

async function preview(name, kind, url, size) {
  const box = el("div", { className: `preview ${kind}` });
  const media = { crossOrigin: "anonymous", src: url, controls: true, preload: "metadata" };
  if (kind === "image") box.append(el("img", { crossOrigin: "anonymous", src: url, alt: name }));
  else if (kind === "video" || kind === "audio") box.append(el(kind, { ...media, aria: { label: name } }));
  else if (kind === "page") box.append(el("iframe", { src: url, title: name }));
  else if (kind === "text") loadText(box, url, size);
  else box.append(el("p", {}, t("files.none")));
  await ask({
    title: name,
    body: [box, el("p", { className: "hint" }, bytes(size), " · ",
      el("a", { href: url, target: "_blank", rel: "noopener" }, t("files.open")))],
    actions: [{ label: t("do.close"), value: "" }],
    className: "viewer",
  });
}

async function loadText(box, url, size) {
  const text = el("pre", { tabIndex: 0, dir: "auto" }, t("files.loading"));
  box.append(text);
  try {
    const headers = size > TEXT_BYTES ? { Range: `bytes=0-${TEXT_BYTES - 1}` } : {};
    const response = await fetch(url, { headers });
    if (!response.ok) throw new Error(await response.text());
    text.textContent = await response.text();
    if (size > TEXT_BYTES) box.append(el("p", { className: "hint" }, t("files.cut")));
  } catch {
    text.replaceWith(el("p", { className: "wrong", role: "alert" }, t("files.failed")));
  }
}
