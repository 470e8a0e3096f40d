import { onScopeDispose, readonly, ref, type Ref } from "vue";

/** The clock of a page: a Date that moves once every `period` ms while the component lives. */
export function useNow(period = 1000): Readonly<Ref<Date>> {
  const now = ref(new Date());
  const timer = window.setInterval(() => (now.value = new Date()), period);
  onScopeDispose(() => window.clearInterval(timer));
  return readonly(now) as Readonly<Ref<Date>>;
}
