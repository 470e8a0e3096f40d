/** The look of states, in one place. */
export type Tone = "good" | "attention" | "alarm" | "quiet" | "accent";

const SESSION: Record<string, Tone> = {
  draft: "quiet",
  booked: "quiet",
  prepared: "accent",
  checking_in: "accent",
  in_progress: "good",
  suspended: "attention",
  closed: "quiet",
  filing: "accent",
  filed: "good",
  cancelled: "quiet",
};

export const sessionTone = (state: string): Tone => SESSION[state] ?? "quiet";

const DEVICE: Record<string, Tone> = { online: "good", degraded: "attention", offline: "alarm", unknown: "quiet" };
export const deviceTone = (state: string): Tone => DEVICE[state] ?? "quiet";

const PACKAGE: Record<string, Tone> = { waiting: "quiet", composing: "accent", sealed: "good", refused: "alarm" };
export const packageTone = (state: string): Tone => PACKAGE[state] ?? "quiet";

const DRAW: Record<string, Tone> = { committing: "accent", committed: "accent", drawn: "good", aborted: "alarm" };
export const drawTone = (state: string): Tone => DRAW[state] ?? "quiet";
