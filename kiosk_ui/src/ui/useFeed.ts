import { onScopeDispose, ref, shallowRef } from "vue";
import type { FeedItem } from "../api/calls";

const KEPT = 200;

/** The feed of events, newest first. The browser reconnects by itself and asks for what came meanwhile (Last-Event-ID). */
export function useFeed(onItem: (item: FeedItem) => void = () => undefined) {
  const items = shallowRef<FeedItem[]>([]);
  const awaySince = ref<Date | null>(null);
  const source = new EventSource("/api/feed");

  function take(event: MessageEvent) {
    awaySince.value = null;
    const item = JSON.parse(String(event.data)) as FeedItem;
    if (items.value.some((known) => known.id === item.id)) return;
    items.value = [item, ...items.value].slice(0, KEPT);
    onItem(item);
  }

  source.addEventListener("message", take);
  source.addEventListener("fact", take as EventListener);
  source.addEventListener("open", () => (awaySince.value = null));
  source.addEventListener("error", () => (awaySince.value ??= new Date()));
  onScopeDispose(() => source.close());
  return { items, awaySince };
}
