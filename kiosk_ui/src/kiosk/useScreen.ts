import { onScopeDispose, ref, shallowRef } from "vue";
import type { KioskAction, KioskClient, Place, Screen } from "../api/edge";
import { ApiError } from "../api/errors";

const RETRY_MS = 1500;
/** A short break is bridged silently; after this the page says that the terminal cannot be used. */
const PATIENCE_MS = 4000;

const wait = (ms: number) => new Promise((done) => window.setTimeout(done, ms));

/** The screen as the edge says it: one stream, reconnected for ever; what the page itself decides is only "away". */
export function useScreen(client: KioskClient) {
  const screen = shallowRef<Screen | null>(null);
  const place = shallowRef<Place | null>(null);
  const receivedAt = ref(Date.now());
  const away = ref(false);
  const refused = ref<ApiError | null>(null);
  const notice = ref<string | null>(null);
  const sending = ref(false);
  const stop = new AbortController();
  let heard = Date.now();

  function show(next: Screen) {
    heard = Date.now();
    away.value = false;
    refused.value = null;
    if (next.screen !== screen.value?.screen) notice.value = null;
    receivedAt.value = Date.now();
    screen.value = next;
  }

  async function follow() {
    while (!stop.signal.aborted) {
      try {
        await client.watch(show, stop.signal);
        heard = Date.now();
      } catch {
        // Away, restarting or silent: all the same to the person in front of it. The next round tries again.
      }
      if (Date.now() - heard > PATIENCE_MS || screen.value === null) away.value = true;
      await wait(RETRY_MS);
    }
  }

  async function learnPlace() {
    while (place.value === null && !stop.signal.aborted) {
      place.value = await client.place().catch(() => null);
      if (place.value === null) await wait(10_000);
    }
  }

  async function act(action: KioskAction, value: string | null = null): Promise<boolean> {
    if (sending.value) return false;
    sending.value = true;
    try {
      notice.value = await client.act(action, value);
      refused.value = null;
      return true;
    } catch (problem) {
      if (problem instanceof ApiError) refused.value = problem;
      else away.value = true;
      return false;
    } finally {
      sending.value = false;
    }
  }

  void follow();
  void learnPlace();
  onScopeDispose(() => stop.abort());
  return { screen, place, receivedAt, away, refused, notice, sending, act };
}
