// One request to the service, and all that is worth showing of its answer.

/**
 * @param {string} path
 * @param {{method?: string, query?: object, body?: object | Blob, accept?: string, signal?: AbortSignal}} options
 * @returns {Promise<{data: any, blob: Blob | null, headers: Headers, milliseconds: number,
 *   server: {queue: number, compute: number}, curl: string, python: string}>} Times in milliseconds.
 * @throws {Error} With the detail of a refusal.
 */
export async function ask(
  path,
  { method = "POST", query = {}, body = null, accept = "application/json", signal } = {},
) {
  const address = new URL(path, location.origin);
  Object.entries(query).forEach(([name, value]) => address.searchParams.set(name, value));
  const type = body instanceof Blob ? body.type : "application/json";
  const content = body === null || body instanceof Blob ? body : JSON.stringify(body);
  const headers = { Accept: accept, ...(content === null ? {} : { "Content-Type": type }) };
  const start = performance.now();
  const response = await fetch(address, { method, headers, body: content, signal });
  if (!response.ok) throw new Error(await refusal(response));
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

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `the service answered ${response.status}`;
}

function serverTimes(headers) {
  const time = (name) => Number(headers.get(`X-${name}-Time-Ms`) ?? 0);
  return { queue: time("Queue"), compute: time("Compute") };
}

function curl(address, method, headers, content) {
  const lines = [`curl -X ${method} ${quoted(address.href)}`];
  Object.entries(headers).forEach(([name, value]) => lines.push(`-H ${quoted(`${name}: ${value}`)}`));
  if (content instanceof Blob) lines.push("--data-binary @image.png");
  else if (content !== null) lines.push(`-d ${quoted(content)}`);
  if (headers.Accept !== "application/json") lines.push("-o answer");
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function python(address, method, headers, content) {
  const file = content instanceof Blob;
  const value = file ? 'open("image.png", "rb").read()' : JSON.stringify(content);
  const given = content === null ? "" : `\n    content=${value},`;
  return `import httpx

answer = httpx.request(
    "${method}",
    "${address.href}",
    headers=${JSON.stringify(headers)},${given}
)
print(answer.${headers.Accept === "application/json" ? "json()" : "content"})`;
}
