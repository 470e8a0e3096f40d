import { onScopeDispose } from "vue";

export interface Keys {
  /** True while a dialog has the keyboard. */
  busy: () => boolean;
  number: (n: number) => void;
  enlarge: () => void;
  order: () => void;
  sound: () => void;
  turn: (by: number) => void;
  help: () => void;
  back: () => void;
}

/** The wall's keys; never with Ctrl, Alt or Meta, never while somebody types or a button is focused for Enter. */
export function useKeys(keys: Keys): void {
  const single: Record<string, () => void> = {
    s: keys.order,
    m: keys.sound,
    "?": keys.help,
    escape: keys.back,
    pageup: () => keys.turn(-1),
    pagedown: () => keys.turn(1),
  };

  function press(event: KeyboardEvent) {
    if (keys.busy() || event.ctrlKey || event.altKey || event.metaKey) return;
    const on = event.target as HTMLElement;
    if (["INPUT", "TEXTAREA", "SELECT"].includes(on.tagName)) return;
    if (/^[1-9]$/.test(event.key)) return keys.number(Number(event.key));
    if (event.key === "Enter" && on.tagName !== "BUTTON") return keys.enlarge();
    const act = single[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  window.addEventListener("keydown", press);
  onScopeDispose(() => window.removeEventListener("keydown", press));
}
