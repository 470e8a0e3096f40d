import { createI18n } from "vue-i18n";
import en from "./en.json";
import zh from "./zh.json";

export type Lang = "zh" | "en";
type Catalogue = typeof zh;

const KEPT = "jz-lang";

/** Chinese first: English only when asked for in the address (`?lang=en`) or chosen before on this screen. */
export function firstLang(): Lang {
  const asked = new URLSearchParams(location.search).get("lang");
  const kept = asked ?? localStorage.getItem(KEPT);
  return kept === "en" ? "en" : "zh";
}

export function makeI18n(lang: Lang = firstLang()) {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  return createI18n<[Catalogue], Lang, false>({
    legacy: false,
    locale: lang,
    fallbackLocale: "zh",
    messages: { zh, en: en as Catalogue },
  });
}

/** The other language of a two-language screen. */
export function otherLang(lang: string): Lang {
  return lang === "zh" ? "en" : "zh";
}

export function keepLang(lang: Lang): void {
  localStorage.setItem(KEPT, lang);
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
}
