import { shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { readRooms, readSites, readWallCameras, type Bilingual } from "../api/centre";

type Known = ReadonlyMap<string, Bilingual>;

/** `door-eval-1` is the door of `eval-1`; a trailing letter tells several of one kind apart. */
const PARTS = /^(door|reader|power|cam|gate|bank|relays|lane|kiosk|messages)(?:-(.+?))??(?:-([a-h]))?$/;

async function readAll(): Promise<Known> {
  const [sites, rooms, cameras] = await Promise.allSettled([readSites(), readRooms(), readWallCameras()]);
  const found = new Map<string, Bilingual>();
  if (sites.status === "fulfilled") {
    for (const site of sites.value) [site, ...site.areas].forEach((row) => found.set(row.id, row.name));
  }
  for (const list of [rooms, cameras]) {
    if (list.status === "fulfilled") list.value.forEach((row) => row.name && found.set(row.id, row.name));
  }
  return found;
}

/** Names of rooms, doors, devices and cameras by id, in the reader's language; an unknown id stands for itself. */
export function useNames() {
  const { t, te, locale } = useI18n();
  const known = shallowRef<Known>(new Map());

  async function load() {
    known.value = await readAll();
  }

  function plain(id: string): string | null {
    const name = known.value.get(id);
    return name ? (locale.value === "en" ? name.en : name.zh) : null;
  }

  /** Devices carry no name of their own on the wire: kind, and the room or the number in their id. */
  function composed(id: string): string | null {
    const [, kind, rest, letter] = PARTS.exec(id) ?? [];
    if (!kind) return null;
    const whole = `things.whole.${id}`;
    if (te(whole)) return t(whole);
    const of = rest ? (plain(rest) ?? (te(`things.whole.${rest}`) ? t(`things.whole.${rest}`) : null)) : "";
    if (of) return t("things.of", { of, thing: t(`things.${kind}`), letter: letter?.toUpperCase() ?? "" }).trim();
    return t("things.numbered", { thing: t(`things.${kind}`), n: [rest, letter].filter(Boolean).join("-") }).trim();
  }

  function of(id: string, otherwise = id): string {
    return plain(id) ?? composed(id) ?? otherwise;
  }

  void load();
  return { of, load };
}
