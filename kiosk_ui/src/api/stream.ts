/**
 * Server-sent events over fetch: EventSource cannot carry the kiosk's token header.
 * Calls `onData` per event; returns when the server ends the stream; throws when it breaks or stays silent.
 */
export async function readEvents(
  url: string,
  headers: Record<string, string>,
  onData: (data: string) => void,
  stop: AbortSignal,
  silenceMs = 45_000,
): Promise<void> {
  const quiet = new AbortController();
  let timer = window.setTimeout(() => quiet.abort(), silenceMs);
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.any([stop, quiet.signal]), cache: "no-store" });
    if (!answer.ok || !answer.body) throw new Error(`stream ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      window.clearTimeout(timer);
      timer = window.setTimeout(() => quiet.abort(), silenceMs);
      rest = deliver(rest + value, onData);
    }
  } finally {
    window.clearTimeout(timer);
  }
}

/** Hands out every whole event of `text`; answers what is still incomplete. */
function deliver(text: string, onData: (data: string) => void): string {
  const blocks = text.replaceAll("\r\n", "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  for (const block of blocks) {
    const lines = block.split("\n").filter((line) => line.startsWith("data:"));
    if (lines.length > 0) onData(lines.map((line) => line.slice(5).trimStart()).join("\n"));
  }
  return rest;
}
