/** What a server refused, in the words of its message key; `id` is what a person can quote. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly key: string,
    readonly params: Record<string, unknown>,
    readonly id: string,
  ) {
    super(`${status} ${key}`);
  }
}

/** The server could not be reached at all: nothing was decided, nothing typed is lost. */
export class Unreachable extends Error {}

interface Refusal {
  detail?: { key?: string; params?: Record<string, unknown>; id?: string } | { loc?: (string | number)[] }[] | string;
}

/** Reads `{"detail": {"key", "params", "id"}}`; a 422 of the framework becomes `input.invalid` with the field's name. */
export function refusal(status: number, body: unknown): ApiError {
  const detail = (body as Refusal | null)?.detail;
  if (Array.isArray(detail)) {
    const field = detail[0]?.loc?.at(-1);
    return new ApiError(status, "input.invalid", { field: String(field ?? "") }, "");
  }
  if (detail && typeof detail === "object") {
    return new ApiError(status, detail.key ?? `http.${status}`, detail.params ?? {}, detail.id ?? "");
  }
  return new ApiError(status, `http.${status}`, {}, "");
}
