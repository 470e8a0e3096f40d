import { refusal, Unreachable } from "./errors";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | boolean | null | undefined>;

/** The CSRF token is a readable cookie that must come back as a header with every unsafe request. */
export function csrf(): string {
  return /(?:^|;\s*)jz_csrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}

function address(path: string, query: Query): string {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(asked.map(([key, value]) => [key, String(value)])).toString();
  return search ? `${path}?${search}` : path;
}

/** Throws ApiError for a refusal and Unreachable when no answer came. `T` is the operation's output model. */
export async function ask<T>(method: Method, path: string, options: { query?: Query; body?: unknown } = {}): Promise<T> {
  const headers = new Headers({ Accept: "application/json" });
  if (method !== "GET") headers.set("X-CSRF", csrf());
  if (options.body !== undefined) headers.set("Content-Type", "application/json");
  const body = options.body === undefined ? null : JSON.stringify(options.body);
  let answer: Response;
  try {
    answer = await fetch(address(path, options.query ?? {}), { method, headers, body, credentials: "same-origin" });
  } catch {
    throw new Unreachable();
  }
  const text = await answer.text();
  if (!answer.ok) throw refusal(answer.status, parsed(text));
  return (text ? JSON.parse(text) : null) as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // A proxy's error page: the status alone says what happened.
  }
}
