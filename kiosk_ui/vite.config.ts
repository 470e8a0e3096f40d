import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

/** One project, four entries: a kiosk never loads the staff bundle. Assets stand at /assets on both servers. */
export default defineConfig({
  plugins: [vue()],
  base: "/",
  define: { __VUE_I18N_LEGACY_API__: "false", __INTLIFY_PROD_DEVTOOLS__: "false" },
  build: {
    outDir: "dist",
    // Pages run under a content security policy without data: scripts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      input: { staff: "staff.html", wall: "wall.html", kiosk: "kiosk.html", sign: "sign.html" },
    },
  },
});
