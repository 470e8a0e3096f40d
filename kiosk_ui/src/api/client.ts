/** The one HTTP client of the centre's API: typed by the generated paths, refusals and lost connections told apart. */
import createClient from "openapi-fetch";
import type { paths } from "./centre";
import { refusal, Unreachable } from "./errors";

const SAFE = new Set(["GET", "HEAD"]);

/** The CSRF token is a readable cookie that must come back as a header with every unsafe request. */
function csrf(): string {
  return /(?:^|;\s*)jz_csrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}

export const http = createClient<paths>({ credentials: "same-origin" });

http.use({
  onRequest({ request }) {
    request.headers.set("Accept", "application/json");
    if (!SAFE.has(request.method)) request.headers.set("X-CSRF", csrf());
    return request;
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws ApiError for a refusal and Unreachable when no answer came. */
export async function said<T>(answer: Promise<Answer<T>>): Promise<T> {
  let found: Answer<T>;
  try {
    found = await answer;
  } catch {
    throw new Unreachable();
  }
  if (!found.response.ok) throw refusal(found.response.status, found.error);
  return found.data as T;
}
