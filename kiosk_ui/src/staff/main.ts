import { createApp } from "vue";
import { makeI18n } from "../i18n";
import { useElements } from "./elements";
import "../ui/tokens.css";
import "../ui/base.css";
import "./staff.css";
import StaffApp from "./StaffApp.vue";
import { router } from "./router";

const app = createApp(StaffApp);
useElements(app);
app.use(makeI18n()).use(router).mount("#app");
