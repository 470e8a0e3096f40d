import { createRouter, createWebHistory } from "vue-router";
import { learnMe, may, me } from "./useMe";
import { PLACES } from "./places";

const permission = (name: string) => PLACES.find((place) => place.name === name)?.permission ?? "";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/sign-in", name: "sign-in", component: () => import("./SignIn.vue") },
    { path: "/", name: "today", component: () => import("./Today.vue") },
    { path: "/timeline", name: "timeline", component: () => import("./Timeline.vue") },
    { path: "/sessions", name: "sessions", component: () => import("./Sessions.vue") },
    { path: "/sessions/:id/:tab?", name: "session", component: () => import("./SessionDetail.vue"), props: true },
    { path: "/experts", name: "experts", component: () => import("./Experts.vue") },
    { path: "/devices", name: "devices", component: () => import("./Devices.vue") },
    { path: "/packages", name: "packages", component: () => import("./Packages.vue") },
    { path: "/duties", name: "duties", component: () => import("./Duties.vue") },
    { path: "/edges", name: "edges", component: () => import("./Edges.vue") },
    { path: "/audit", name: "audit", component: () => import("./Audit.vue") },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});

/** Everything behind the sign-in; a person lands on the first page that they may open. */
router.beforeEach(async (to) => {
  if (to.name === "sign-in") return true;
  const inside = await learnMe().catch(() => true);
  if (!inside) return { name: "sign-in", query: { next: to.fullPath } };
  const needed = permission(to.name === "session" ? "sessions" : String(to.name));
  if (!me.value || !needed || may(needed)) return true;
  const first = PLACES.find((place) => may(place.permission));
  return first && first.name !== to.name ? { name: first.name } : true;
});
