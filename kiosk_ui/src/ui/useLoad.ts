import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { Unreachable } from "../api/errors";

export interface Load<T> {
  data: ShallowRef<T | null>;
  /** Why there is nothing to show. Null while data of an earlier read stands. */
  problem: ShallowRef<unknown>;
  /** True only before the first answer. */
  waiting: Ref<boolean>;
  /** Since when the centre cannot be reached; what is shown is from `readAt`. */
  awaySince: Ref<Date | null>;
  readAt: Ref<Date | null>;
  reload: () => Promise<void>;
}

/** Reads once and, with `every`, again and again while the page lives. A failed refresh never clears what stands. */
export function useLoad<T>(read: () => Promise<T>, every = 0): Load<T> {
  const data: ShallowRef<T | null> = shallowRef(null);
  const problem = shallowRef<unknown>(null);
  const waiting = ref(true);
  const awaySince = ref<Date | null>(null);
  const readAt = ref<Date | null>(null);
  let latest = 0;

  async function reload() {
    const mine = (latest += 1);
    try {
      const found = await read();
      if (mine !== latest) return;
      data.value = found;
      problem.value = awaySince.value = null;
      readAt.value = new Date();
    } catch (error) {
      if (mine !== latest) return;
      if (error instanceof Unreachable) awaySince.value ??= new Date();
      if (data.value === null || !(error instanceof Unreachable)) problem.value = error;
    } finally {
      if (mine === latest) waiting.value = false;
    }
  }

  void reload();
  if (every > 0) {
    const timer = window.setInterval(() => void reload(), every);
    onScopeDispose(() => window.clearInterval(timer));
  }
  onScopeDispose(() => (latest = -1));
  return { data, problem, waiting, awaySince, readAt, reload };
}
