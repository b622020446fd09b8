// One request to the service, and all that is worth showing of its answer.

import { askForKey, key } from "./key.js";

/**
 * @param {string} path
 * @param {{method?: string, query?: object, body?: object | Blob | FormData, accept?: string, signal?: AbortSignal}} options
 * @returns {Promise<{data: any, blob: Blob | null, headers: Headers, milliseconds: number,
 *   server: {queue: number, compute: number}, curl: string, python: string}>} Times in milliseconds.
 * @throws {Error} Whose message is the detail of a refusal, with what to do; `errors` has the places of its faults.
 */
export async function ask(
  path,
  { method = "POST", query = {}, body = null, accept = "application/json", signal } = {},
) {
  const address = new URL(path, location.origin);
  Object.entries(query).forEach(([name, value]) => address.searchParams.set(name, value));
  const files = body instanceof Blob || body instanceof FormData;
  const content = body === null || files ? body : JSON.stringify(body);
  const type = content === null ? undefined : files ? body.type : "application/json"; // a browser adds that of a form
  const headers = { Accept: accept, ...(type && { "Content-Type": type }) };
  const { response, start } = await send(address, { method, headers, body: content, signal });
  if (!response.ok) throw await refusal(response);
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  const data = json ? await response.json() : null;
  return {
    data,
    blob: json ? null : await response.blob(),
    headers: response.headers,
    milliseconds: performance.now() - start,
    server: serverTimes(response.headers),
    curl: curl(address, method, headers, content),
    python: python(address, method, headers, content),
  };
}

/** Send a request with the key of this tab; where the service wants another one, ask for it and send again. */
async function send(address, { headers, ...request }) {
  const authorization = key() && { Authorization: `Bearer ${key()}` };
  const start = performance.now();
  const response = await fetch(address, { ...request, headers: { ...headers, ...authorization } }).catch(() => {
    throw new Error("The service cannot be reached. Check that it runs and that you are connected, then try again.");
  });
  if (response.status !== 401) return { response, start };
  await askForKey((await refusal(response)).message);
  return send(address, { headers, ...request });
}

/** What to do about a refusal whose detail cannot know it, by status. */
const REMEDIES = {
  413: "Send less at once: fewer rows, or a smaller picture.",
  429: "Wait a moment, then try again.",
  500: "Try again; if it stays, tell whoever runs the service, with the time of day.",
  503: "The service is busy or starting. Try again in a few seconds.",
  504: "The answer took too long. Ask for fewer draws, or try again.",
};

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? `The service answered with status ${response.status}`;
  const sentence = `${detail[0].toUpperCase()}${detail.slice(1)}`;
  const remedy = REMEDIES[response.status];
  const error = new Error(remedy ? `${sentence.replace(/[.;]?$/, ".")} ${remedy}` : sentence);
  return Object.assign(error, { errors: problem.errors ?? [] });
}

function serverTimes(headers) {
  const time = (name) => Number(headers.get(`X-${name}-Time-Ms`) ?? 0);
  return { queue: time("Queue"), compute: time("Compute") };
}

function curl(address, method, headers, content) {
  const lines = [`curl -X ${method} ${quoted(address.href)}`];
  Object.entries(headers).forEach(([name, value]) => lines.push(`-H ${quoted(`${name}: ${value}`)}`));
  if (content instanceof Blob) lines.push(`--data-binary ${quoted(`@${content.name ?? "image.png"}`)}`);
  else if (content instanceof FormData) {
    for (const file of content.getAll("files")) lines.push(`-F ${quoted(`files=@${file.name}`)}`);
  } else if (content !== null) lines.push(`-d ${quoted(content)}`);
  if (key()) lines.push('-H "Authorization: Bearer $CREDENCE_API_KEY"');
  if (headers.Accept !== "application/json") lines.push("-o answer");
  return lines.join(" \\\n  ");
}

/** Return a text as one word for a shell. */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function python(address, method, headers, content) {
  const given = content === null ? "" : `\n    ${pythonContent(content)},`;
  const keyed = key() ? ', "Authorization": "Bearer " + os.environ["CREDENCE_API_KEY"]}' : "}";
  return `${key() ? "import os\n\n" : ""}import httpx

answer = httpx.request(
    "${method}",
    "${address.href}",
    headers=${JSON.stringify(headers).replace(/}$/, keyed)},${given}
)
print(answer.${headers.Accept === "application/json" ? "json()" : "content"})`;
}

function pythonContent(content) {
  const read = (name) => `open(${JSON.stringify(name)}, "rb")`;
  if (content instanceof FormData) {
    return `files=[${content.getAll("files").map(({ name }) => `("files", ${read(name)})`).join(", ")}]`;
  }
  return `content=${content instanceof Blob ? `${read(content.name ?? "image.png")}.read()` : JSON.stringify(content)}`;
}
