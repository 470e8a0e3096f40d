/** What each screen of the edge shows: one picture, one sentence, at most one main action. */
import type { KioskAction, ScreenName } from "../api/edge";

export type Picture = "card" | "clock" | "staff" | "wait" | "locker" | "gate" | "way" | "cut" | "muster" | "face";

export interface Moment {
  picture: Picture;
  /** The main button; its words are `kiosk.SCREEN.main`. */
  main?: KioskAction;
  /** A second, equal way; its words are `kiosk.SCREEN.other`. */
  other?: KioskAction;
  tone?: "alarm" | "good" | "attention";
  /** A visit is under way: cancelling makes sense, and idling is warned about. */
  visit: boolean;
}

export const MOMENTS: Record<ScreenName, Moment> = {
  idle: { picture: "card", visit: false },
  too_early: { picture: "clock", visit: false },
  not_expected: { picture: "staff", visit: false },
  face: { picture: "face", other: "use_code", visit: true },
  pin: { picture: "face", visit: true },
  unsure: { picture: "staff", visit: true },
  promise: { picture: "card", visit: true },
  store: { picture: "locker", main: "stored", other: "nothing_to_store", visit: true },
  jammed: { picture: "locker", tone: "attention", visit: true },
  gate: { picture: "gate", visit: true },
  alarm: { picture: "gate", tone: "alarm", visit: true },
  go: { picture: "way", tone: "good", visit: true },
  leave: { picture: "locker", main: "collect", visit: true },
  busy: { picture: "wait", visit: false },
  refused: { picture: "staff", tone: "attention", visit: false },
  help: { picture: "staff", visit: true },
  offline: { picture: "cut", visit: false },
  muster: { picture: "muster", tone: "good", visit: false },
};
