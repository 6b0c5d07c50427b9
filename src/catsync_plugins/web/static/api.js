// Talks to the server: the session, requests, and the stream of rows.

export class ApiError extends Error {
  constructor(status, body) {
    super(body.message ?? body.code ?? String(status));
    this.status = status;
    this.body = body;
    this.code = body.code ?? "other";
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new ApiError(0, { code: "unreachable" });
  }
  const body = response.headers.get("content-type")?.includes("json") ? await response.json() : {};
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

export const get = (path) => request(path);

export const post = (path, body) => request(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** Exchange the link's token, which is in the address's fragment, for a session. */
export async function logIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  try {
    await post("api/session", { token });
  } catch (error) {
    if (error.status !== 401) throw error; // the browser may have a session from before
  }
}

/**
 * Listen to the stream for ever; it comes back by itself after the server was away. A page that nobody sees lets go of
 * it, because browsers keep no more than six connections to a server, whatever the number of tabs.
 */
export function listen({ news, connected, refused }) {
  let source = null, waiting;
  const close = () => { source?.close(); source = null; clearTimeout(waiting); };
  const open = () => {
    close();
    source = new EventSource("api/stream");
    source.onmessage = (event) => { connected(true); news(JSON.parse(event.data)); };
    source.onerror = async () => {
      close();
      connected(false);
      try {
        await get("api/rows");
      } catch (error) {
        if (error.status === 401) { refused(); return; }
      }
      waiting = setTimeout(follow, 1000);
    };
  };
  const follow = () => {
    if (document.visibilityState === "hidden") close();
    else if (!source) open();
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  open();
}
