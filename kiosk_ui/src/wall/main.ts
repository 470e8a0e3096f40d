import { createApp } from "vue";
import { makeI18n } from "../i18n";
import "../ui/tokens.css";
import "../ui/base.css";
import "./wall.css";
import WallApp from "./WallApp.vue";

createApp(WallApp).use(makeI18n()).mount("#app");
