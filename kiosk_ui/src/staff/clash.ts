import { useI18n } from "vue-i18n";
import type { CheckAnswer } from "../api/calls";
import type { NameOf } from "../ui/facts";
import { day, hour } from "../ui/time";

type Refusal = CheckAnswer["refusals"][number];

/** A refusal of a wish in one sentence: for a clash who is in the way, and when. */
export function useClashWords(nameOf: NameOf) {
  const { t, te, locale } = useI18n();

  function refusalWords(refusal: Refusal): string {
    const clash = refusal.clashes[0];
    if (clash) {
      const [from, until] = [hour(clash.blocked_from), hour(clash.blocked_until)];
      return t("sessions.clash", { room: nameOf(clash.room), who: clash.who, day: day(clash.blocked_from, locale.value), from, until });
    }
    const key = `errors.${refusal.key}`;
    return te(key) ? t(key, refusal.params) : t("errors.other", { key: refusal.key });
  }

  return { refusalWords };
}
