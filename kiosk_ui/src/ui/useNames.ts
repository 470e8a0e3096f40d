import { shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { readNames, type Bilingual } from "../api/centre";

/** Names of rooms, doors, devices and cameras by id, in the reader's language; an unknown id stands for itself. */
export function useNames() {
  const { locale } = useI18n();
  const known = shallowRef<ReadonlyMap<string, Bilingual>>(new Map());

  async function load() {
    // Names are a comfort: without them the ids still say which door it was.
    known.value = await readNames().catch(() => known.value);
  }

  function of(id: string, otherwise = id): string {
    const name = known.value.get(id);
    return name ? (locale.value === "en" ? name.en : name.zh) : otherwise;
  }

  void load();
  return { of, load };
}
