/** A fact as one sentence for people. Ids become names where the reader may know them; people stay aliases. */
import { useI18n } from "vue-i18n";
import { hour } from "./time";

export interface FactLike {
  kind: string;
  wall: string;
  body: Record<string, unknown>;
  alias?: string | null;
}

export type Tone = "alarm" | "attention" | "good" | "quiet";
export type NameOf = (id: string) => string;

const ALARM = new Set(["alarm_raised", "door_forced", "door_held_open", "roster_unavailable"]);
const ATTENTION = new Set([
  "locker_jammed", "gap_declared", "document_refused", "identity_refused", "admission_refused", "admission_withdrawn",
  "entry_held", "help_requested", "lane_refused",
]);
const GOOD = new Set(["admission_granted", "identity_confirmed", "alarm_cleared", "entry_resumed", "session_opened"]);

const GATE_TONES: Record<string, Tone> = { "facts.gate_passed_alarm": "alarm", "facts.gate_passed_doubtful": "attention" };

/** A reading that found something, one that must be repeated, one on the way out, and a clean one. */
function gateSays(body: Record<string, unknown>): string {
  if (Array.isArray(body.kinds) && body.kinds.length > 0) return "facts.gate_passed_alarm";
  if (body.doubtful === true) return "facts.gate_passed_doubtful";
  if (body.direction === "out") return "facts.gate_passed_out";
  return body.clear === false ? "facts.gate_passed_doubtful" : "facts.gate_passed";
}

export function tone(fact: FactLike): Tone {
  const { kind, body } = fact;
  if (kind === "gate_passed") return GATE_TONES[gateSays(body)] ?? "quiet";
  if (kind === "device_changed") return body.state === "online" ? "quiet" : "attention";
  if (body.result === "unknown" || body.result === "refused") return "attention";
  if (ALARM.has(kind)) return "alarm";
  if (ATTENTION.has(kind)) return "attention";
  return GOOD.has(kind) ? "good" : "quiet";
}

/** The message key: a few kinds say something else when a detail differs. */
function messageOf(fact: FactLike): string {
  if (fact.kind === "gate_passed") return gateSays(fact.body);
  if (fact.kind === "custody_settled" && fact.body.declared_empty) return "facts.custody_settled_empty";
  return `facts.${fact.kind}`;
}

export function useFactWords(nameOf: NameOf) {
  const { t, te } = useI18n();

  function word(field: string, value: unknown): string {
    const cause = `gaps.${String(value)}`;
    if (field === "reason" && te(cause)) return t(cause);
    // Alarms have one list of words, whoever raised them: the same that their detail keys name.
    const key = field === "alarm" ? `alarm.${String(value)}` : `words.${field}.${String(value)}`;
    return te(key) ? t(key) : nameOf(String(value));
  }

  function listed(field: string, values: unknown[]): string {
    return values.map((value) => word(field, value)).join(t("words.list"));
  }

  function person(fact: FactLike): string {
    const alias = fact.alias ?? (fact.body.alias as string | undefined);
    if (!alias) return t("words.someone");
    return te(`words.alias.${alias}`) ? t(`words.alias.${alias}`) : aliasWords(String(alias));
  }

  /** `expert-3`, `E3` or `3`: the number is what people use; any other alias stands as it is. */
  function aliasWords(alias: string): string {
    const digits = /^(?:expert[-_ ]?|e)?(\d+)$/i.exec(alias)?.[1];
    return t("common.alias", { n: digits ?? alias });
  }

  function params(fact: FactLike): Record<string, unknown> {
    const { body } = fact;
    const said: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(body)) {
      if (["cameras", "segments"].includes(field)) said[field] = Array.isArray(value) ? value.length : value;
      else if (Array.isArray(value)) said[field] = listed(field, value);
      else said[field] = typeof value === "number" ? value : word(field, value);
    }
    said.alias = person(fact);
    said.why = (body.reason && body.state !== "online") || body.cause ? t("words.why", { reason: word("reason", body.reason ?? body.cause) }) : "";
    if (body.valid_until) said.valid_until = hour(body.valid_until as string);
    if (typeof body.end_us === "number" && typeof body.start_us === "number") {
      said.seconds = Math.round((body.end_us - body.start_us) / 1e5) / 10;
    }
    return said;
  }

  function sentence(fact: FactLike): string {
    const key = messageOf(fact);
    return te(key) ? t(key, params(fact)) : t("facts.other", { kind: fact.kind });
  }

  return { sentence, aliasWords, word };
}
