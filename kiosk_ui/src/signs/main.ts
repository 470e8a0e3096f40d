import { createApp, h } from "vue";
import { makeI18n } from "../i18n";
import "../ui/tokens.css";
import "../ui/base.css";
import "./signs.css";
import DoorSign from "./DoorSign.vue";
import HallSign from "./HallSign.vue";

/** `/signs/hall` or `/signs/doors/ROOM` */
const [, kind, room] = location.pathname.split("/").filter(Boolean);
const page = kind === "doors" && room ? h(DoorSign, { room: decodeURIComponent(room) }) : h(HallSign);

createApp({ render: () => page }).use(makeI18n()).mount("#app");
