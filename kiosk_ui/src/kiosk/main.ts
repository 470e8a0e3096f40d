import { createApp } from "vue";
import { makeI18n } from "../i18n";
import "../ui/tokens.css";
import "../ui/base.css";
import "./kiosk.css";
import "./pictures/pictures.css";
import { KioskClient, takeToken } from "../api/edge";
import KioskApp from "./KioskApp.vue";

/** `/kiosk/kiosk-1#token=…` */
const kiosk = location.pathname.split("/").filter(Boolean).at(1) ?? "";
const client = new KioskClient(decodeURIComponent(kiosk), takeToken());

createApp(KioskApp, { client }).use(makeI18n()).mount("#app");
