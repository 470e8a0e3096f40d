/** Times for people: Asia/Shanghai on every screen, whatever the machine's own zone is. Stored times are UTC. */

const ZONE = "Asia/Shanghai";

type Parts = Record<"month" | "day" | "weekday" | "hour" | "minute" | "second" | "year", string>;

function parts(at: Date, lang: string): Parts {
  const format = new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", {
    timeZone: ZONE,
    year: "numeric",
    month: lang === "zh" ? "numeric" : "short",
    day: "numeric",
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value])) as Parts;
}

export type Instant = string | number | Date | null | undefined;

/** Accepts an RFC 3339 stamp, a Date, or microseconds since 1970 (media times). Null when there is none. */
export function instant(at: Instant): Date | null {
  if (at === null || at === undefined || at === "") return null;
  const made = at instanceof Date ? at : new Date(typeof at === "number" ? at / 1000 : at);
  return Number.isNaN(made.getTime()) ? null : made;
}

/** `11月20日 周五` / `Fri 20 Nov` */
export function day(at: Instant, lang: string): string {
  const found = instant(at);
  if (!found) return "";
  const p = parts(found, lang);
  if (lang !== "zh") return `${p.weekday} ${p.day} ${p.month}`;
  const words = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, month: "long", day: "numeric" });
  return `${words.format(found)} ${p.weekday}`;
}

/** `2031年11月20日` / `20 Nov 2031`, for terms that last years. */
export function date(at: Instant, lang: string): string {
  const found = instant(at);
  const month = lang === "zh" ? "long" : "short";
  const format = new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", { timeZone: ZONE, year: "numeric", month, day: "numeric" });
  return found ? format.format(found) : "";
}

/** `09:30` */
export function hour(at: Instant, lang = "zh"): string {
  const found = instant(at);
  if (!found) return "";
  const p = parts(found, lang);
  return `${p.hour}:${p.minute}`;
}

/** `09:30:12` */
export function second(at: Instant, lang = "zh"): string {
  const found = instant(at);
  if (!found) return "";
  const p = parts(found, lang);
  return `${p.hour}:${p.minute}:${p.second}`;
}

/** `11月20日 周五 09:30` / `Fri 20 Nov 09:30` */
export function dayHour(at: Instant, lang: string): string {
  return instant(at) ? `${day(at, lang)} ${hour(at, lang)}` : "";
}

/** `11月20日 周五 09:30:12`, for hover and for events. */
export function exact(at: Instant, lang: string): string {
  return instant(at) ? `${day(at, lang)} ${second(at, lang)}` : "";
}

/** Calendar day in the venue's zone, `2026-11-20`. */
export function dateKey(at: Date): string {
  const p = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
  return p.format(at);
}

/** Wall time of the venue (`2026-11-20T09:30`) to an instant. China has had no summer time since 1991: +08:00 always. */
export function fromVenueTime(local: string): Date {
  return new Date(`${local.length === 10 ? `${local}T00:00` : local}:00+08:00`.replace(/(:\d\d:\d\d):00\+/, "$1+"));
}

/** Instant to the venue's wall time without zone, for calendars and inputs: `2026-11-20T09:30:00`. */
export function toVenueTime(at: Instant): string {
  const found = instant(at);
  if (!found) return "";
  return new Date(found.getTime() + 8 * 3600_000).toISOString().slice(0, 19);
}

export type Words = (key: string, params?: Record<string, unknown>) => string;

/** A duration in words: `3 小时 5 分`, `12 秒`. Seconds only below two minutes. */
export function duration(seconds: number, t: Words): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return t("time.seconds", { n: whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return t("time.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t("time.hours_minutes", { h: hours, m: minutes % 60 });
  return t("time.days_hours", { d: Math.floor(hours / 24), h: hours % 24 });
}
