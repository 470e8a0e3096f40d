import { shallowRef } from "vue";
import { useI18n } from "vue-i18n";
import { readDevices, readRooms, readSites, readWallCameras, type Bilingual } from "../api/calls";

type Known = ReadonlyMap<string, Bilingual>;

/** `door-eval-1` is the door of `eval-1`; a trailing letter tells several of one kind apart. */
const PARTS = /^(door|reader|power|cam|gate|bank|relays|lane|kiosk|messages)(?:-(.+?))??(?:-([a-h]))?$/;

type May = (permission: string) => boolean;

interface Named {
  id: string;
  name_zh: string | null;
  name_en: string | null;
}

async function readAll(may: May): Promise<Known> {
  const sites = () => readSites().then((list) => list.flatMap((site): Named[] => [site, ...site.areas]));
  const asked: [string, () => Promise<Named[]>][] = [
    ["sites.read", sites], ["sites.read", readRooms], ["devices.read", readDevices], ["wall.watch", readWallCameras],
  ];
  const lists = await Promise.allSettled(asked.filter(([permission]) => may(permission)).map(([, read]) => read()));
  const rows = lists.flatMap((list) => (list.status === "fulfilled" ? list.value : []));
  return new Map(rows.filter((row) => row.name_zh).map((row) => [row.id, { zh: row.name_zh ?? "", en: row.name_en ?? "" }]));
}

/** Names of rooms, doors, devices and cameras by id, in the reader's language; an unknown id stands for itself. */
export function useNames(may: May = () => true) {
  const { t, te, locale } = useI18n();
  const known = shallowRef<Known>(new Map());

  async function load() {
    known.value = await readAll(may);
  }

  function plain(id: string): string | null {
    const name = known.value.get(id);
    return name ? (locale.value === "en" ? name.en : name.zh) : null;
  }

  /** Devices carry no name of their own on the wire: kind, and the room or the number in their id. */
  function composed(id: string): string | null {
    const whole = `things.whole.${id}`;
    if (te(whole)) return t(whole);
    const [, kind, rest, letter] = PARTS.exec(id) ?? [];
    if (!kind) return null;
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
