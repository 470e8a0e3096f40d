/** Client of the edge's kiosk API (interfaces.md §7). */
import type { components } from "./edge.d";
import { refusal, Unreachable } from "./errors";
import { readEvents } from "./stream";

export type ScreenName =
  | "idle" | "too_early" | "not_expected" | "face" | "pin" | "unsure" | "promise" | "store" | "jammed"
  | "gate" | "alarm" | "go" | "leave" | "busy" | "refused" | "help" | "offline" | "muster";

type Generated = components["schemas"];

export type Screen = Generated["Screen"] & { screen: ScreenName; lang: "zh" | "en" };
export type KioskAction = Generated["Touch"]["action"];

interface Bilingual {
  zh: string;
  en: string;
}

/** What does not change at a kiosk: its name, where it stands, the drawn plan of the way. */
export interface Place {
  venue: Bilingual;
  kiosk: { id: string; name: Bilingual; position: [number, number] };
  rooms: { id: string; name: Bilingual; way: Bilingual; position: [number, number] }[];
  banks: { id: string; ways: number }[];
  muster_point: Bilingual;
  simulated: boolean;
}

const TOKEN = "jz-kiosk-token";

/** Moves the token from the address's fragment to this tab's storage, so that it is neither seen nor bookmarked. */
export function takeToken(): string {
  const found = /^#(?:token=)?(.+)$/.exec(location.hash)?.[1];
  if (found) {
    sessionStorage.setItem(TOKEN, decodeURIComponent(found));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN) ?? "";
}

export class KioskClient {
  constructor(readonly kiosk: string, private readonly token: string) {}

  private url(rest: string): string {
    return `/kiosk/api/${encodeURIComponent(this.kiosk)}/${rest}`;
  }

  private async ask(rest: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("X-Kiosk-Token", this.token);
    let answer: Response;
    try {
      answer = await fetch(this.url(rest), { ...init, headers, cache: "no-store" });
    } catch {
      throw new Unreachable();
    }
    if (!answer.ok) throw refusal(answer.status, await answer.json().catch(() => null));
    return answer;
  }

  async screen(): Promise<Screen> {
    return (await this.ask("screen")).json() as Promise<Screen>;
  }

  async place(): Promise<Place> {
    return (await this.ask("place")).json() as Promise<Place>;
  }

  /** What the edge has to say to the person about this touch: the key of a notice, or nothing. */
  async act(action: KioskAction, value: string | null = null): Promise<string | null> {
    const body = JSON.stringify({ action, value });
    const answer = await this.ask("actions", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    return ((await answer.json()) as { notice?: string | null }).notice ?? null;
  }

  async sendFrames(frames: Blob[]): Promise<void> {
    const form = new FormData();
    frames.forEach((frame, n) => form.append("frames", frame, `${n}.jpg`));
    await this.ask("frames", { method: "POST", body: form });
  }

  /** One connection; ends or throws when the edge goes away. */
  watch(onScreen: (screen: Screen) => void, stop: AbortSignal): Promise<void> {
    const show = (data: string) => onScreen(JSON.parse(data) as Screen);
    return readEvents(this.url("screens"), { "X-Kiosk-Token": this.token }, show, stop);
  }
}
