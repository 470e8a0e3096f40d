import { computed, onScopeDispose, ref, shallowRef } from "vue";
import { useNow } from "../ui/useNow";

const EVERY_MS = 5000;
/** Older than this, nothing is shown: a sign never shows something old as new. */
const OLD_MS = 30_000;

/** Reads the first of `paths` that answers, for ever. The edge and the centre serve the same rows at different paths. */
export function useSign<T>(paths: readonly string[]) {
  const data = shallowRef<T | null>(null);
  const readAt = ref(0);
  const begun = Date.now();
  const now = useNow(1000);
  let path = 0;

  async function read() {
    try {
      const answer = await fetch(paths[path % paths.length] ?? "", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      data.value = (await answer.json()) as T;
      readAt.value = Date.now();
    } catch {
      path += 1; // The next round asks the other side; the page itself tells when the rows are too old.
    }
  }

  const fresh = computed(() => data.value !== null && now.value.getTime() - readAt.value < OLD_MS);
  const begins = computed(() => data.value === null && now.value.getTime() - begun < 3000);
  const timer = window.setInterval(() => void read(), EVERY_MS);
  void read();
  onScopeDispose(() => window.clearInterval(timer));
  return { data, fresh, begins, now };
}
